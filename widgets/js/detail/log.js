// @ts-check
/**
 * A task's log. Python has folded what was printed into lines as a terminal shows them; a
 * message brings the lines from the first that changed on. Each line is an element, whose
 * level tells which record of Julia's loggers it belongs to.
 */

import { copyText } from "../shared/clipboard.js";
import { button, dropDown, sayDone } from "../shared/controls.js";
import { h, setText } from "../shared/dom.js";
import { amount } from "../shared/format.js";

/**
 * @typedef {[text: string, classes: string, colour?: string, ground?: string]} Run `classes` begins with the stream
 * @typedef {[level: string, ...runs: Run[]]} Line
 * @typedef {{ attempt: number, complete: boolean, first: number, lines: Line[] }} LogMessage
 */

/** The levels, the gravest last, and what choosing them is called. */
const LEVELS = [["debug", "Every record"], ["info", "Info and graver"], ["warn", "Warnings and errors"], ["error", "Errors"]];
/** A shade that the theme does not choose is taken over as near as it can be read. */
const OWN = "--tqp-own";

export class LogView {
  /** @param {(first: number, attempt: number) => void} ask for lines from `first` on */
  constructor(ask) {
    this.ask = ask;
    /** Of the task; -1 before its log is read. @type {number} */
    this.attempt = -1;
    this.complete = false;
    this.lines = h("pre", { class: "tqp-log" });
    this.choice = /** @type {HTMLSelectElement} */ (h("select", { class: "tq-input", "aria-label": "Lines", onchange: () => this.choose() },
      h("option", { value: "" }, "All lines"), ...LEVELS.map(([level, label]) => h("option", { value: level }, label))));
    this.said = h("p", { class: "tqp-quiet-text" });
    this.copy = button("copy", "Copy", { onclick: () => this.copyLines() });
    this.bar = h("div", { class: "tqp-log-bar" }, dropDown(this.choice), this.copy);
    this.element = h("div", { class: "tqp-log-place" }, this.bar, this.lines, this.said);
    this.forget();
  }

  /** Begin anew: another task, or another attempt. */
  forget() {
    this.attempt = -1;
    this.complete = false;
    this.lines.replaceChildren();
    this.refresh();
  }

  /** Ask for what is missing. */
  update() {
    this.ask(this.attempt < 0 ? 0 : Math.max(0, this.lines.childElementCount - 1), this.attempt);
  }

  /** @param {LogMessage} message */
  receive({ attempt, complete, first, lines }) {
    if (attempt !== this.attempt) this.forget();
    this.attempt = attempt;
    if (first > this.lines.childElementCount) {
      this.update(); // what came between was for others
      return;
    }
    this.complete = complete;
    while (this.lines.childElementCount > first) this.lines.lastElementChild?.remove();
    this.lines.append(...lines.map(lineElement));
    this.refresh();
  }

  refresh() {
    const counted = this.lines.querySelector("[data-level]") !== null;
    const printed = this.lines.textContent !== "\n" && this.lines.childElementCount > 0;
    if (!counted && this.choice.value) this.choice.value = "";
    this.bar.hidden = !printed;
    /** @type {HTMLElement} */ (this.choice.parentElement).hidden = !counted;
    this.choose(printed);
  }

  /** Show the lines that are asked for. */
  choose(printed = true) {
    const least = this.choice.value;
    this.lines.dataset.least = least;
    const none = printed && least && !this.lines.querySelector(shownLevels(least));
    setText(this.said, none ? "No record is as grave as that." : printed ? "" : this.complete ? "It printed nothing." : "Nothing printed so far.");
    this.said.hidden = !this.said.textContent;
    this.lines.hidden = !printed;
  }

  async copyLines() {
    const least = this.choice.value;
    const chosen = [...this.lines.querySelectorAll(least ? shownLevels(least) : ":scope > span")];
    await copyText(this.element, chosen.map((line) => line.textContent).join(""));
    sayDone(this.copy, `${amount(chosen.filter((line) => line.textContent?.trim()).length)} lines copied`);
  }
}

/** A selector of the lines that are at least as grave. @param {string} least */
function shownLevels(least) {
  const from = LEVELS.findIndex(([level]) => level === least);
  return LEVELS.slice(from).map(([level]) => `[data-level="${level}"]`).join();
}

/** @param {Line} line */
function lineElement([level, ...runs]) {
  return h("span", { "data-level": level || null }, ...runs.map(runElement), "\n");
}

/** @param {Run} run */
function runElement([text, classes, colour, ground]) {
  const [stream, ...names] = classes.split(" ");
  const element = h("span", { class: names.map((name) => `tqp-log-${name}`).join(" ") || null, "data-stream": stream });
  element.textContent = text;
  if (ground) Object.assign(element.style, { color: colour, background: ground });
  else if (colour) element.style.setProperty(OWN, colour);
  return element;
}

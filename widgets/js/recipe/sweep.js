// @ts-check
/** Sweeping one parameter: which, from where to where, and how many points. */

import { button, dropDown } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";

/** @typedef {{ name: string, label: string, range: [string, string] }} Swept */

const ENDS = [["low", "From"], ["high", "To"], ["count", "Points"]];

export class SweepChoice {
  /** @param {string} id that begins those of its parts @param {(content: Record<string, string>) => void} start */
  constructor(id, start) {
    this.id = id;
    /** @type {Swept[]} */
    this.swept = [];
    this.parameter = h("select", { class: "tq-input", id: `${id}-parameter` });
    this.parameter.addEventListener("change", () => this.chooseRange());
    /** @type {Record<string, HTMLInputElement>} */
    this.inputs = {};
    /** @type {Record<string, HTMLElement>} */
    this.problems = {};
    const fields = ENDS.map(([name, label]) => this.field(name, label));
    /** A second press of a double click is none. @param {Record<string, string>} more */
    const pressed = (more) => (/** @type {MouseEvent} */ event) => event.detail < 2 && start({ ...this.content, ...more });
    this.start = button("line", "Sweep", { onclick: pressed({}) });
    this.trial = button("pick", "Try three points", { class: "tq-quiet", title: "Runs three of them, from the lower half of the range: then it is known about how long a run takes", hidden: true, onclick: pressed({ pilot: "yes" }) });
    this.element = h("details", { class: "tqp-more tqr-sweep" },
      h("summary", {}, icon("open"), "Sweep one of them"),
      h("div", { class: "tqr-sweep-fields" },
        h("div", { class: "tqp-field" }, h("label", { class: "tqp-label", for: this.parameter.id }, "Parameter"), dropDown(this.parameter)), ...fields),
      h("p", { class: "tqp-hint" }, "Runs it once for each value, the others as they are set above; the curve fills in while it runs."),
      h("div", { class: "tqr-buttons" }, this.start, this.trial));
  }

  /** @param {string} name @param {string} label */
  field(name, label) {
    const id = `${this.id}-${name}`;
    const input = h("input", { class: "tq-input", id, type: "text", inputmode: name === "count" ? "numeric" : "decimal", autocomplete: "off", "aria-describedby": `${id}-problem` });
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); this.start.click(); } });
    this.inputs[name] = input;
    this.problems[name] = h("span", { class: "tqp-remark", id: `${id}-problem` });
    return h("div", { class: "tqp-field" }, h("label", { class: "tqp-label", for: id }, label), input, this.problems[name]);
  }

  /** @param {Swept[]} swept @param {string} count */
  show(swept, count) {
    this.swept = swept;
    this.element.hidden = swept.length === 0;
    this.element.open = false;
    this.parameter.replaceChildren(...swept.map(({ name, label }) => h("option", { value: name }, label)));
    this.inputs.count.value = count;
    this.chooseRange();
  }

  chooseRange() {
    const chosen = this.swept.find(({ name }) => name === this.parameter.value);
    if (!chosen) return;
    [this.inputs.low.value, this.inputs.high.value] = chosen.range;
    this.say({});
  }

  /** @param {boolean} idle whether something can be started @param {boolean} untried whether nothing tells how long it takes */
  allow(idle, untried) {
    for (const one of [this.start, this.trial]) setAttr(one, "aria-disabled", String(!idle));
    if (this.trial.hidden === untried) this.trial.hidden = !untried;
  }

  get content() {
    return { parameter: this.parameter.value, low: this.inputs.low.value, high: this.inputs.high.value, count: this.inputs.count.value };
  }

  /** @param {Record<string, string>} problems */
  say(problems) {
    for (const [name] of ENDS) {
      setText(this.problems[name], problems[name] ?? "");
      setAttr(this.inputs[name], "aria-invalid", problems[name] ? "true" : null);
    }
  }
}

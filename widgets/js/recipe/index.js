// @ts-check
/** A recipe as a form, with the result of its run; see `recipes/form.py`. */

import { inAddress, onAddress, ownsAddress, setAddress } from "../shared/address.js";
import { button, progressBar, statusChip, toast } from "../shared/controls.js";
import { Display, displayedBy } from "../shared/display.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { duration } from "../shared/format.js";
import { Keep, browserStorage } from "../shared/keep.js";
import { roughly, secondsLeft } from "../shared/remaining.js";
import { ShareView } from "../shared/share.js";
import { debounce } from "../shared/timing.js";
import { chartFigure } from "./chart.js";
import { earlierRuns } from "./earlier.js";
import { Field } from "./field.js";
import { ownRuns, rememberRun } from "./own.js";
import { recipeResult } from "./result.js";
import { SweepChoice } from "./sweep.js";

/** @typedef {import("../shared/display.js").Model} Model */

/** So long after the last key what was typed goes to Python. */
const TYPING_MS = 150;
const OPEN = ["QUEUEING", "RUNNING"];

class RecipeDisplay extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("section", { class: "tq tq-card tqp tqp-form tqr-form" }));
    /** @type {Map<string, Field>} */
    this.fields = new Map();
    /** Which filling of the fields by Python is shown. */
    this.filled = -1;
    // What was drawn last: what is the same is not drawn again.
    /** @type {Record<"head" | "result" | "address", string>} */
    this.drawn = { head: "", result: "", address: "" };
    /** How far which run had come when that was told last, and when. */
    this.told = { id: "", progress: null, at: 0 };
    this.title = h("h2", { id: `${this.view}-title` });
    this.root.setAttribute("aria-labelledby", this.title.id);
    this.help = h("div", { class: "tqr-help" });
    this.fieldsPlace = h("div", { class: "tqr-fields" });
    this.submit = button("submit", "Run", { class: "tq-primary", "aria-describedby": `${this.view}-reason`, onclick: (/** @type {MouseEvent} */ event) => this.onRun(event) });
    this.reset = button("retry", "Reset", { onclick: () => this.send({ type: "reset" }) });
    this.reason = h("span", { id: `${this.view}-reason`, class: "tqp-reason", role: "status" });
    this.problem = h("span", { class: "tqp-remark", role: "alert" });
    this.sweep = new SweepChoice(`${this.view}-sweep`, (choice) => this.act("sweep", choice));
    this.codeButton = button("python", "Show the code", { class: "tq-quiet", "aria-expanded": "false", onclick: () => this.send({ type: "code", shown: model.get("code").length === 0 }) });
    this.code = h("pre", { class: "tqr-code", tabindex: 0, role: "region", "aria-label": "Julia code of the recipe", hidden: true });
    this.form = h("div", { class: "tqr-side" }, this.help, this.fieldsPlace,
      h("div", { class: "tqr-buttons" }, this.submit, this.reset),
      h("p", { class: "tqr-outcome" }, this.reason, this.problem), this.sweep.element);
    this.runHead = h("div", { class: "tqr-run-head" });
    this.toast = toast(this.root);
    this.ends.push(this.toast.close);
    this.share = new ShareView(this.root, (content) => this.send(content), (text) => this.toast.say(text, "error"), "run");
    this.onMessage((message) => this.receive(message));
    this.bar = progressBar("tqr-progress");
    this.result = h("div", { class: "tqr-result", "aria-live": "polite" });
    this.earlierPlace = h("div", { class: "tqr-earlier" });
    this.body = h("div", { class: "tqr-body" }, this.form,
      h("div", { class: "tqr-side" }, this.runHead, this.share.element, this.bar.bar, this.result, this.earlierPlace));
    this.root.append(h("header", { class: "tqp-header" }, this.title), this.body,
      h("div", { class: "tqr-code-place" }, this.codeButton, this.code));
    this.later = debounce(() => this.send({ type: "values", values: this.typed }), TYPING_MS);
    this.ends.push(() => this.later.stop());
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.on(["recipe"], () => this.showRecipe());
    this.on(["filled"], () => this.showFilled());
    this.on(["problems"], () => this.showProblems());
    this.listen("change:busy", () => { this.pressed = false; });
    this.on(["blocked", "busy", "run", "ran", "curve", "estimate", "untried", "values"], () => this.showReason());
    this.on(["run", "curve", "may_change"], () => this.showHead());
    this.on(["result", "curve"], () => this.showResult());
    this.on(["earlier", "run", "curve"], () => this.showEarlier());
    this.on(["code"], () => this.showCode());
    const ticking = setInterval(() => this.link.lost || this.showFacts(), 1000);
    this.ends.push(() => clearInterval(ticking), () => clearTimeout(this.patience));
    this.sendOwn();
    this.keepDraft();
    this.followAddress();
  }

  // -- what stands in the fields

  /** @returns {Record<string, string>} */
  get typed() {
    return Object.fromEntries([...this.fields].map(([name, field]) => [name, field.value]));
  }

  showRecipe() {
    const { name, title = "", help = "", parameters = [], swept = [], count = "" } = this.model.get("recipe");
    this.root.hidden = name === undefined;
    if (name === this.shown) return;
    this.shown = name;
    setText(this.title, title);
    this.help.replaceChildren(...paragraphs(help));
    this.fields = new Map(parameters.map((/** @type {import("./field.js").Parameter} */ one) => [one.name, new Field(one, `${this.view}-${one.name}`, () => this.onTyped())]));
    this.fieldsPlace.replaceChildren(...[...this.fields.values()].map(({ element }) => element));
    this.sweep.show(swept, count);
    this.filled = -1;
    this.showFilled();
  }

  showFilled() {
    const filled = this.model.get("filled");
    if (filled === this.filled) return;
    this.filled = filled;
    const values = this.model.get("values");
    for (const [name, field] of this.fields) if (name in values) field.value = values[name];
    this.draft?.();
  }

  onTyped() {
    this.later();
    this.draft?.();
    this.showReason();
  }

  showProblems() {
    const problems = this.model.get("problems");
    for (const [name, field] of this.fields) field.say(problems[name] ?? "");
    this.sweep.say(problems);
    setText(this.problem, problems.form ?? "");
  }

  /** Keep what is typed in this tab of the browser: a page that is loaded again finds it, and another tab does not. */
  keepDraft() {
    const kept = new Keep(browserStorage("sessionStorage"), "recipe", this.model);
    const all = () => kept.read() ?? {};
    this.draft = debounce(() => {
      const { name, parameters = [] } = this.model.get("recipe");
      if (!name) return;
      const changed = parameters.some((/** @type {any} */ one) => this.fields.get(one.name)?.value !== one.default);
      const { [name]: _, ...others } = all();
      kept.write(changed ? { ...others, [name]: this.typed } : others);
    }, TYPING_MS);
    const putBack = () => {
      const { name, parameters = [] } = this.model.get("recipe");
      const found = name ? all()[name] : null;
      const untouched = parameters.every((/** @type {any} */ one) => this.model.get("values")[one.name] === one.default);
      if (!found || !untouched || inAddress("task") || inAddress("batch")) return;
      for (const [field, text] of Object.entries(found)) {
        const there = this.fields.get(field);
        if (there) there.value = String(text);
      }
      this.later();
    };
    this.listen("change:recipe", putBack);
    putBack();
    this.ends.push(() => this.draft?.stop());
  }

  // -- running

  /** @param {MouseEvent} event */
  onRun(event) {
    if (event.detail < 2) this.act("run", {}); // a second press of a double click is none
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const inField = event.target instanceof HTMLInputElement && this.fieldsPlace.contains(event.target);
    if (event.key !== "Enter" || !(inField || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!event.repeat) this.act("run", {});
  }

  /** @param {"run" | "sweep"} type @param {Record<string, string>} more */
  act(type, more) {
    if (this.why(type)) return;
    this.pressed = true; // until Python has answered: a second press is none
    this.later.stop();
    this.send({ type, values: this.typed, ...more });
    this.showReason();
    clearTimeout(this.patience);
    this.patience = window.setTimeout(() => this.release(), 2000);
  }

  /** Take another press: the last one was answered, or never will be. */
  release() {
    this.pressed = false;
    this.showReason();
  }

  /** Why nothing can be run now; empty where it can. @param {"run" | "sweep"} type */
  why(type) {
    if (this.link.lost) return "This page has lost its kernel.";
    const { model } = this;
    if (model.get("blocked")) return model.get("blocked");
    if (this.pressed || model.get("busy")) return "Sending…";
    const { status } = model.get("run");
    const ran = model.get("ran");
    if (type === "run" && OPEN.includes(status) && [...this.fields].every(([name, field]) => field.value === ran[name])) return "It runs with these values.";
    return "";
  }

  showReason() {
    const { model } = this;
    const why = this.why("run");
    setAttr(this.submit, "aria-disabled", String(why !== ""));
    this.sweep.allow(this.why("sweep") === "", model.get("untried"));
    setText(this.reason, why || model.get("estimate"));
  }

  /** @param {any} message */
  receive(message) {
    if (message.type === "shared") this.share.receive(message);
    else if (message.type === "unsent") this.release();
    else if (message.type === "submitted") {
      rememberRun(this.model, message.id);
      this.sendOwn();
    }
  }

  onLink() {
    if (this.link.lost) this.share.busy(false); // nobody answers
    this.showReason();
  }

  // -- the run

  showHead() {
    const run = this.model.get("run");
    const curve = this.model.get("curve");
    if (run.progress !== this.told.progress || run.id !== this.told.id) this.told = { id: run.id, progress: run.progress ?? null, at: Date.now() / 1000 };
    const open = OPEN.includes(run.status) || (curve.id && !curve.done);
    const cancel = open && this.model.get("may_change") ? button("cancel", "Cancel", { onclick: () => this.send({ type: "cancel" }) }) : null;
    const of = curve.id ?? run.id ?? "";
    const share = of && this.model.get("may_change") ? this.share.button : null;
    this.share.noun = curve.id ? "sweep" : "run";
    this.share.show(share ? of : "");
    const key = JSON.stringify([run.id, run.status, curve.id, curve.there, curve.total, curve.failed, curve.done, cancel !== null, share !== null]);
    if (key !== this.drawn.head) {
      this.drawn.head = key;
      this.facts = h("span", { class: "tqp-facts" });
      const focused = share?.matches(":focus");
      const title = curve.id ? h("h3", {}, `Sweep: ${curve.there} of ${curve.total} points`) : run.id ? h("h3", {}, `Run ${run.number}`) : null;
      const failed = curve.failed ? h("span", { class: "tqp-remark" }, `${curve.failed} failed or were cancelled`) : null;
      this.runHead.replaceChildren(...[title, run.id ? statusChip(run.status) : null, failed, this.facts, cancel, share].filter((part) => part !== null));
      if (focused) this.share.button.focus(); // what is put in anew loses it
    }
    this.bar.bar.hidden = !open;
    this.bar.show(curve.id ? curve.there / Math.max(1, curve.total) : run.progress ?? null);
    this.showFacts();
    this.tellAddress(run.id ? String(run.number) : "", curve.id ?? "");
  }

  showFacts() {
    const run = this.model.get("run");
    if (!this.facts || !run.id) return;
    const now = Date.now() / 1000;
    const left = run.status === "RUNNING" ? roughly(secondsLeft({ started: run.started, progress: this.told.progress, told: this.told.at }, now)) : "";
    const took = run.status === "RUNNING" && run.started ? duration(Math.max(0, now - run.started)) : run.seconds !== null ? duration(run.seconds) : "";
    setText(this.facts, [took, left && `about ${left} left`, run.status === "RUNNING" ? run.note : ""].filter(Boolean).join(" · "));
  }

  showResult() {
    const curve = this.model.get("curve");
    const result = this.model.get("result");
    const key = JSON.stringify([curve.chart ?? null, curve.note ?? "", result]);
    if (key === this.drawn.result) return;
    this.drawn.result = key;
    const parts = curve.id ? [chartFigure(curve.chart), ...(curve.note ? [h("p", { class: "tqp-quiet-text" }, curve.note)] : [])]
      : result.form ? recipeResult(result) : [h("p", { class: "tqp-quiet-text tqr-none" }, "The result appears here.")];
    this.result.replaceChildren(...parts);
  }

  showEarlier() {
    const shown = this.model.get("curve").id ?? this.model.get("run").id;
    const open = (/** @type {import("./earlier.js").Run} */ one) => this.send({ type: "open", [one.points ? "batch" : "id"]: one.id });
    this.earlierPlace.replaceChildren(...earlierRuns(this.model.get("earlier"), false, open, shown));
  }

  showCode() {
    const code = this.model.get("code");
    this.code.hidden = code.length === 0;
    this.code.replaceChildren(...code.map((/** @type {[string, string]} */ [kind, text]) => (kind ? h("span", { class: `tq-code-${kind}` }, text) : text)));
    setAttr(this.codeButton, "aria-expanded", String(code.length > 0));
    setText(/** @type {Element} */ (this.codeButton.lastElementChild), code.length ? "Hide the code" : "Show the code");
  }

  // -- whose runs, and where they are

  /** Tell Python which runs and sweeps were submitted in this browser. */
  sendOwn() {
    this.send({ type: "mine", ids: [...ownRuns(this.model)] });
  }

  /** Have the address lead to what is shown, as soon as that is another. @param {string} task @param {string} batch */
  tellAddress(task, batch) {
    const shown = `${task} ${batch}`;
    if (shown === this.drawn.address) return;
    this.drawn.address = shown;
    if (ownsAddress() && (task || batch)) setAddress({ recipe: this.model.get("recipe").name ?? "", task, batch });
  }

  /** Show what the address leads to: a run or a sweep of this recipe, or neither. */
  followAddress() {
    if (!ownsAddress()) return;
    const go = () => {
      const { name } = this.model.get("recipe");
      if (!name || inAddress("recipe") !== name) return;
      const [task, batch] = [inAddress("task"), inAddress("batch")];
      const [run, curve] = [this.model.get("run"), this.model.get("curve")];
      if (task && task !== String(run.number ?? "")) this.send({ type: "open", id: task });
      else if (!task && batch && batch !== curve.id) this.send({ type: "open", batch });
      else if (!task && !batch && (run.id || curve.id)) this.send({ type: "clear" });
    };
    this.ends.push(onAddress(go));
    this.listen("change:recipe", go);
    go();
  }
}

/** A text in paragraphs, with its `code` as such. @param {string} text */
function paragraphs(text) {
  return text.split(/\n\s*\n/).filter((part) => part.trim()).map((part) => h("p", {},
    ...part.replace(/\s*\n\s*/g, " ").split("`").map((piece, place) => (place % 2 ? h("code", {}, piece) : piece))));
}

export default displayedBy(RecipeDisplay);

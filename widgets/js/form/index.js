// @ts-check
/** The form that submits a task. What is typed goes to Python at once, and with each submission once more. */

import { button, dropDown } from "../shared/controls.js";
import { Display, displayedBy } from "../shared/display.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { Keep, browserStorage } from "../shared/keep.js";
import { debounce } from "../shared/timing.js";

/** @typedef {import("../shared/display.js").Model} Model */

/**
 * @typedef {{ name: string, label: string, unit: string, kind: string, step: number | null, minimum: number | null,
 *   maximum: number | null, help: string, range: string, choices: string[] }} Parameter
 * A row for an argument: of a parameter that the code declares, or one whose name is typed too.
 * @typedef {{ row: HTMLElement, name: { value: string }, value: HTMLInputElement | HTMLSelectElement, kind: HTMLElement,
 *   problem: HTMLElement, declared: boolean }} ArgumentRow
 */

/** Options that are folded away at first: what they are called, what is typed there, and what an empty one means. */
const OPTIONS = [
  ["queue", "Queue", "default", "text"],
  ["priority", "Priority", "", "select"],
  ["timeout", "Timeout in seconds", "none", "decimal"],
  ["memory", "Memory limit", "the worker's", "text"],
  ["attempts", "Attempts", "1", "numeric"],
];

/** A draft is kept so long after the last change. */
const DRAFT_MS = 300;

/**
 * A number one step further, without the dust of binary fractions.
 * @param {number} value @param {number} step
 */
function stepped(value, step) {
  return String(Number((value + step).toPrecision(12)));
}

/** What is put on the page for an input. @param {HTMLInputElement | HTMLSelectElement} input */
const inputElement = (input) => (input instanceof HTMLSelectElement ? dropDown(input) : input);

class FormDisplay extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("section", { class: "tq tq-card tqp tqp-form", "aria-label": "New task" }));
    /** @type {Record<string, HTMLInputElement | HTMLSelectElement>} */
    this.fields = {};
    /** The parameters that the fields were made for, as JSON. @type {string | undefined} */
    this.declared = undefined;
    /** @type {Record<string, HTMLElement>} */
    this.remarks = {};
    /** @type {ArgumentRow[]} */
    this.rows = [];
    this.rowsMade = 0;
    this.editorPlace = h("div", { class: "tqp-editor-place" });
    this.fold = h("button", { type: "button", class: "tqp-fold", "aria-controls": `${this.view}-code`, onclick: () => this.set("folded", !model.get("folded")) },
      icon("open"), h("span", {}, "Julia code"));
    this.parametersPlace = h("div", { class: "tqp-parameters" });
    this.rowsPlace = h("div", { class: "tqp-rows" });
    this.note = h("p", { class: "tqp-note" });
    this.more = this.disclosure();
    this.submit = button("submit", "Submit", { class: "tq-primary", "aria-describedby": `${this.view}-reason`, onclick: () => this.send_(false) });
    this.reason = h("span", { id: `${this.view}-reason`, class: "tqp-reason", role: "status" });
    this.insist = h("button", { type: "button", class: "tq-link", onclick: () => this.send_(true) }, "Submit anyway");
    this.root.append(
      h("header", { class: "tqp-header" }, h("h2", {}, "New task"), this.picker()),
      h("div", { class: "tqp-body" },
        this.note,
        this.field("name", "Name", "text", "The first line of the code"),
        this.parametersPlace,
        h("div", { class: "tqp-field" }, this.fold, h("div", { id: `${this.view}-code` }, this.editorPlace), this.remark("code", `${this.view}-code-remark`)),
        this.argumentsGroup(),
        this.more),
      h("footer", { class: "tqp-footer" }, this.submit, h("span", { class: "tqp-outcome" }, this.reason, this.insist, this.remark("form"))),
    );
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.root.addEventListener("keydown", (event) => this.beforeEditor(event), { capture: true });
    for (const field of ["name", ...OPTIONS.map(([name]) => name)]) this.on([field], () => this.showField(field));
    this.on(["arguments", "parameters"], () => this.showArguments());
    this.on(["readings", "problems"], () => this.showReadings());
    this.on(["folded", "parameters", "problems"], () => this.showFold());
    this.on(["note"], () => this.showNote());
    this.on(["more"], () => this.more.toggleAttribute("open", model.get("more")));
    this.on(["blocked", "busy", "said", "may_insist", "problems"], () => this.showReason());
    this.showEditor();
  }

  async showEditor() {
    const manager = this.model.widget_manager;
    this.editor = await manager.get_model(this.model.get("editor").slice("IPY_MODEL_".length));
    const view = await manager.create_view(this.editor);
    if (this.closed) {
      view.remove();
      return;
    }
    this.editorPlace.append(view.el);
    view.el.querySelector(".cm-content")?.setAttribute("aria-describedby", `${this.view}-code-remark`);
    this.ends.push(() => view.remove());
    const judged = () => {
      this.showReason();
      this.showFold();
    };
    this.editor.on("change:value change:syntax_error", judged);
    this.ends.push(() => this.editor.off("change:value change:syntax_error", judged));
    this.keepDraft();
  }

  // -- the draft: what stands in the form, kept in the browser for the day when the kernel is gone

  keepDraft() {
    const kept = new Keep(browserStorage("localStorage"), "draft", this.model);
    const initial = this.model.get("initial");
    this.putBack(kept.read(), initial);
    const write = () => kept.write(this.isAsAtFirst(initial) ? null : { initial, code: this.editor.get("value"), form: this.typed() });
    const later = debounce(write, DRAFT_MS);
    const names = [...Object.keys(this.fields), "arguments"].map((name) => `change:${name}`).join(" ");
    this.model.on(names, later);
    this.editor.on("change:value", later);
    addEventListener("pagehide", write);
    this.ends.push(() => {
      later.stop();
      this.model.off(names, later);
      this.editor.off("change:value", later);
      removeEventListener("pagehide", write);
    });
  }

  /** @param {{ code: string, name: string, arguments: string[][] }} initial */
  isAsAtFirst(initial) {
    const { name, priority, arguments: given, ...options } = this.typed();
    return this.editor.get("value") === initial.code && name === initial.name && priority === "normal" && JSON.stringify(given) === JSON.stringify(initial.arguments)
      && Object.values(options).every((text) => text === "");
  }

  /**
   * Put a draft into a form that nobody has touched, if it was written into one that began alike.
   * @param {any} draft @param {{ code: string, name: string, arguments: string[][] }} initial
   */
  putBack(draft, initial) {
    const alike = draft?.initial?.code === initial.code && draft.initial.name === initial.name;
    if (!alike || !this.isAsAtFirst(initial)) return;
    for (const [name, text] of Object.entries(draft.form)) this.model.set(name, text);
    this.model.set("more", OPTIONS.some(([name]) => draft.form[name] !== (name === "priority" ? "normal" : "")));
    this.model.save_changes();
    this.editor.set("value", draft.code);
    this.editor.save_changes();
  }

  close() {
    this.closed = true;
    super.close();
  }

  // -- parts

  picker() {
    const select = h("select", { class: "tq-input", "aria-label": "Start from an example" },
      h("option", { value: "" }, "Start from an example"),
      ...this.model.get("offered").map((/** @type {{ title: string }} */ example, /** @type {number} */ index) => h("option", { value: index }, example.title)));
    select.addEventListener("change", () => {
      if (select.value !== "") this.send({ type: "example", index: Number(select.value) });
      select.value = "";
    });
    const picker = dropDown(select, "tqp-picker");
    picker.hidden = this.model.get("offered").length === 0;
    return picker;
  }

  /** @param {string} name @param {string} label @param {string} kind @param {string} placeholder */
  field(name, label, kind, placeholder) {
    const id = `${this.view}-${name}`;
    const props = { id, class: "tq-input", "aria-describedby": `${id}-remark` };
    const input = kind === "select"
      ? h("select", props, ...["low", "normal", "high"].map((level) => h("option", { value: level }, level)))
      : h("input", { ...props, type: "text", placeholder, autocomplete: "off", inputmode: kind === "text" ? null : kind });
    input.addEventListener("input", () => this.set(name, input.value));
    this.fields[name] = input;
    return h("div", { class: "tqp-field" }, h("label", { for: id, class: "tqp-label" }, label), inputElement(input), this.remark(name, `${id}-remark`));
  }

  /** @param {string} name @param {string} [id] */
  remark(name, id) {
    this.remarks[name] = h("span", { id, class: "tqp-remark", role: "alert" });
    return this.remarks[name];
  }

  argumentsGroup() {
    const add = button("add", "Add an argument", { class: "tq-quiet", onclick: () => this.addArgument() });
    return h("div", { class: "tqp-field", role: "group", "aria-label": "Arguments" },
      h("div", { class: "tqp-group-head" }, h("span", { class: "tqp-label" }, "Arguments"), add), this.rowsPlace, this.remark("arguments"));
  }

  disclosure() {
    const fields = OPTIONS.map(([name, label, placeholder, kind]) => this.field(name, label, kind, placeholder));
    const details = h("details", { class: "tqp-more" }, h("summary", {}, icon("open"), "More options"), h("div", { class: "tqp-options" }, ...fields));
    details.addEventListener("toggle", () => this.set("more", details.open));
    return details;
  }

  // -- arguments

  showArguments() {
    const given = this.model.get("arguments");
    /** @type {string} */
    const declared = JSON.stringify(this.model.get("parameters"));
    if (declared === this.declared && JSON.stringify(given) === JSON.stringify(this.typedArguments())) return;
    this.declared = declared;
    this.rows.splice(0).forEach(({ row }) => row.remove());
    for (const [name, value] of given) {
      const parameter = this.model.get("parameters").find((/** @type {Parameter} */ one) => one.name === name);
      if (parameter) this.addParameter(parameter, value);
      else this.addRow(name, value);
    }
    this.showReadings();
  }

  /** A field for a parameter that the code declares. @param {Parameter} parameter @param {string} value */
  addParameter(parameter, value) {
    const id = `${this.view}-parameter-${parameter.name}`;
    const input = this.parameterInput(parameter, id, value);
    const hint = [parameter.help, parameter.range && `From ${parameter.range}.`.replace("From at", "At")].filter(Boolean).join(" ");
    /** @type {ArgumentRow} */
    const made = { name: { value: parameter.name }, value: input, declared: true, row: h("div", { class: "tqp-field" }),
      kind: h("span", { class: "tqp-kind" }), problem: h("span", { class: "tqp-remark", role: "alert", id: `${id}-remark` }) };
    made.row.append(h("label", { for: id, class: "tqp-label" }, parameter.label, parameter.unit ? ` in ${parameter.unit}` : ""),
      inputElement(input),
      h("span", { class: "tqp-hint", id: `${id}-hint` }, hint), made.kind, made.problem);
    made.row.addEventListener("input", () => this.onArgument(made));
    this.rows.push(made);
    this.parametersPlace.append(made.row);
  }

  /** @param {Parameter} parameter @param {string} id @param {string} value */
  parameterInput(parameter, id, value) {
    const props = { id, class: "tq-input", "aria-describedby": `${id}-hint ${id}-remark` };
    const choices = parameter.kind === "truth" ? ["true", "false"] : parameter.choices;
    if (choices.length) {
      const select = h("select", props, ...choices.map((choice) => h("option", { value: choice }, choice)));
      select.value = value;
      return select;
    }
    const mode = { whole: "numeric", number: "decimal" }[parameter.kind] ?? null;
    const input = h("input", { ...props, type: "text", autocomplete: "off", inputmode: mode, value });
    if (mode && parameter.step) input.addEventListener("keydown", (event) => this.onStep(event, input, parameter));
    return input;
  }

  /** Arrow keys go a step up or down, and no further than allowed. @param {KeyboardEvent} event @param {HTMLInputElement} input @param {Parameter} parameter */
  onStep(event, input, parameter) {
    const sign = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    const value = Number(input.value.replaceAll("_", ""));
    if (!sign || !input.value.trim() || !Number.isFinite(value)) return;
    event.preventDefault();
    const next = Number(stepped(value, sign * Number(parameter.step)));
    input.value = String(Math.min(parameter.maximum ?? Infinity, Math.max(parameter.minimum ?? -Infinity, next)));
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** @param {ArgumentRow} made */
  onArgument(made) {
    this.set("arguments", this.typedArguments());
    this.showReading(made);
  }

  /** Say what each value is taken for, which Python decides: it takes the same for the task. */
  showReadings() {
    for (const row of this.rows) this.showReading(row);
  }

  /** @param {ArgumentRow} row */
  showReading(row) {
    const read = this.model.get("readings").find((/** @type {string[]} */ [name, text]) => name === row.name.value && text === row.value.value);
    const [, , kind, wrong] = read ?? ["", "", row.declared ? "" : "…", ""];
    const problem = wrong || (this.model.get("problems")[`arguments.${row.name.value.trim()}`] ?? "");
    setText(row.kind, problem ? "" : kind);
    setText(row.problem, problem);
    setAttr(row.value, "aria-invalid", problem ? "true" : null);
  }

  addArgument() {
    this.addRow("", "");
    /** @type {HTMLInputElement} */ (this.rows[this.rows.length - 1].name).focus();
    this.set("arguments", this.typedArguments());
  }

  /** @param {string} name @param {string} value */
  addRow(name, value) {
    const place = this.rows.filter((row) => !row.declared).length + 1;
    this.rowsMade += 1;
    const remark = `${this.view}-argument-${this.rowsMade}-remark`;
    const input = (/** @type {string} */ label, /** @type {string} */ text) =>
      h("input", { class: "tq-input", type: "text", autocomplete: "off", spellcheck: "false", placeholder: label.split(" ")[0].toLowerCase(), "aria-label": label, value: text });
    const [nameInput, valueInput] = [input(`Name of argument ${place}`, name), input(`Value of argument ${place}`, value)];
    /** @type {ArgumentRow} */
    const made = { row: h("div", { class: "tqp-row" }), name: nameInput, value: valueInput, declared: false,
      kind: h("span", { class: "tqp-kind" }), problem: h("span", { class: "tqp-remark", role: "alert", id: remark }) };
    setAttr(valueInput, "aria-describedby", remark);
    const remove = button("close", `Remove argument ${name || place}`, { class: "tq-bare tq-quiet", onclick: () => this.removeRow(made) });
    made.row.append(nameInput, h("span", { "aria-hidden": "true" }, "="), valueInput, made.kind, remove, made.problem);
    made.row.addEventListener("input", () => this.onArgument(made));
    this.rows.push(made);
    this.rowsPlace.append(made.row);
  }

  /** @param {ArgumentRow} made */
  removeRow(made) {
    const place = this.rows.indexOf(made);
    this.rows.splice(place, 1);
    made.row.remove();
    const next = this.rows[Math.min(place, this.rows.length - 1)];
    /** @type {HTMLElement | null} */ (next && !next.declared ? next.name : this.root.querySelector(".tqp-group-head button"))?.focus();
    this.set("arguments", this.typedArguments());
  }

  typedArguments() {
    return this.rows.map(({ name, value }) => [name.value, value.value]);
  }

  // -- to Python

  /** Ctrl-Enter submits from everywhere; the editor does so by itself. @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.stopPropagation(); // a notebook would run its cell
    if (event.defaultPrevented || /** @type {Element} */ (event.target).closest(".cm-editor")) return;
    event.preventDefault();
    this.send_(false);
  }

  /**
   * The editor submits by itself. What stands in the fields goes ahead of it: traits that change while
   * the kernel is busy are held back, messages are not. @param {KeyboardEvent} event
   */
  beforeEditor(event) {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    if (/** @type {Element} */ (event.target).closest(".cm-editor")) this.send({ type: "fields", form: this.typed() });
    if (this.link.lost) event.stopPropagation(); // the editor would send its code to nobody
  }

  /** What stands in the fields. @returns {Record<string, any>} */
  typed() {
    const form = Object.fromEntries(Object.entries(this.fields).map(([name, input]) => [name, input.value]));
    return { ...form, arguments: this.typedArguments() };
  }

  /** @param {boolean} insist */
  send_(insist) {
    if (!this.editor || (this.submit.getAttribute("aria-disabled") === "true" && !insist)) return;
    this.send({ type: "submit", form: this.typed(), code: this.editor.get("value"), syntax_error: this.editor.get("syntax_error"), insist });
  }

  // -- from Python

  /** @param {string} name */
  showField(name) {
    const input = this.fields[name];
    if (input.value !== this.model.get(name)) input.value = this.model.get(name);
  }

  /** The code is folded away, but never a remark on it. */
  showFold() {
    const { model } = this;
    const folded = model.get("folded") && model.get("parameters").length > 0 && !model.get("problems").code && !this.editor?.get("syntax_error");
    this.fold.disabled = model.get("parameters").length === 0;
    setAttr(this.fold, "aria-expanded", String(!folded));
    this.editorPlace.hidden = folded;
  }

  showNote() {
    setText(this.note, this.model.get("note"));
    this.note.hidden = !this.model.get("note");
  }

  onLink() {
    this.showReason();
  }

  showReason() {
    const { model } = this;
    const blocked = this.link.lost ? "There is no kernel." : model.get("blocked");
    const busy = model.get("busy");
    const problems = model.get("problems");
    setAttr(this.submit, "aria-disabled", String(Boolean(blocked || busy)));
    setText(/** @type {Element} */ (this.submit.lastElementChild), busy ? "Submitting…" : "Submit");
    const failed = Object.keys(problems).length > 0;
    setText(this.reason, blocked || model.get("said") || (failed && !problems.form ? "Not submitted: see above." : ""));
    this.reason.dataset.kind = blocked ? "blocked" : failed ? "failed" : "said";
    this.insist.hidden = this.link.lost || !(blocked && model.get("may_insist"));
    for (const [name, remark] of Object.entries(this.remarks)) {
      setText(remark, problems[name] ?? "");
      const field = name === "code" ? this.editorPlace.querySelector(".cm-content") : this.fields[name];
      if (field) setAttr(field, "aria-invalid", problems[name] ? "true" : null);
    }
  }
}

export default displayedBy(FormDisplay);

// @ts-check
/** The form that submits a task. What is typed goes to Python at once, and with each submission once more. */

import { button, dropDown, inputElement } from "../shared/controls.js";
import { Display, displayedBy } from "../shared/display.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { ArgumentRows } from "./arguments.js";
import { keepDraft } from "./draft.js";

/** @typedef {import("../shared/display.js").Model} Model */

/** Options that are folded away at first: what they are called, what is typed there, and what an empty one means. */
const OPTIONS = [
  ["queue", "Queue", "default", "text"],
  ["priority", "Priority", "", "select"],
  ["timeout", "Timeout in seconds", "none", "decimal"],
  ["attempts", "Attempts", "1", "numeric"],
];

/** What the task needs of the machine that runs it, likewise; at last what is to be typed, where its name does not say. */
const NEEDS = [
  ["project", "Project", "none", "list", "A folder on the kernel's machine: its packages, modules and data."],
  ["threads", "Threads", "1", "numeric", ""],
  ["memory", "Memory limit", "the worker's", "text", ""],
  ["gpus", "GPUs", "0", "numeric", ""],
  ["env", "Environment variables", "", "area", "NAME=value, one a line."],
  ["files", "Files", "", "area", "One a line: a path on the kernel's machine, or name=path."],
  ["outputs", "Keep of its folder", "nothing", "text", "Patterns such as *.csv, figures/"],
];
const FOLDED = [...OPTIONS, ...NEEDS];

/** @typedef {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} Input */

class FormDisplay extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("section", { class: "tq tq-card tqp tqp-form", "aria-label": "New task" }));
    /** @type {Record<string, Input>} */
    this.fields = {};
    /** @type {Record<string, HTMLElement>} */
    this.remarks = {};
    this.arguments = new ArgumentRows(this, this.remark("arguments"));
    this.editorPlace = h("div", { class: "tqp-editor-place" });
    this.fold = h("button", { type: "button", class: "tqp-fold", "aria-controls": `${this.view}-code`, onclick: () => this.set("folded", !model.get("folded")) },
      icon("open"), h("span", {}, "Julia code"));
    this.note = h("p", { class: "tqp-note" });
    this.folders = h("datalist", { id: `${this.view}-folders` });
    this.needs = this.disclosure("needs", "What it needs", NEEDS, this.folders);
    this.more = this.disclosure("more", "More options", OPTIONS);
    this.submit = button("submit", "Submit", { class: "tq-primary", "aria-describedby": `${this.view}-reason`, onclick: () => this.send_(false) });
    this.reason = h("span", { id: `${this.view}-reason`, class: "tqp-reason", role: "status" });
    this.insist = h("button", { type: "button", class: "tq-link", onclick: () => this.send_(true) }, "Submit anyway");
    this.root.append(
      h("header", { class: "tqp-header" }, h("h2", {}, "New task"), this.picker()),
      h("div", { class: "tqp-body" },
        this.note,
        this.field("name", "Name", "text", "The first line of the code"),
        this.arguments.parameters,
        h("div", { class: "tqp-field" }, this.fold, h("div", { id: `${this.view}-code` }, this.editorPlace), this.remark("code", `${this.view}-code-remark`)),
        this.arguments.group,
        this.needs,
        this.more),
      h("footer", { class: "tqp-footer" }, this.submit, h("span", { class: "tqp-outcome" }, this.reason, this.insist, this.remark("form"))),
    );
    this.root.addEventListener("keydown", (event) => this.onKey(event));
    this.root.addEventListener("keydown", (event) => this.beforeEditor(event), { capture: true });
    for (const field of ["name", ...FOLDED.map(([name]) => name)]) this.on([field], () => this.showField(field));
    this.on(["arguments", "parameters"], () => this.arguments.show());
    this.on(["readings", "problems"], () => this.arguments.showReadings());
    this.on(["folded", "parameters", "problems"], () => this.showFold());
    this.on(["note"], () => this.showNote());
    this.on(["more"], () => this.more.toggleAttribute("open", model.get("more")));
    this.on(["needs"], () => this.needs.toggleAttribute("open", model.get("needs")));
    this.on(["folders"], () => this.showFolders());
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
    this.ends.push(keepDraft(this));
  }

  /** Put a draft in. @param {Record<string, any>} typed @param {string} code */
  putBack(typed, code) {
    for (const [name, text] of Object.entries(typed)) this.model.set(name, text);
    this.model.set("more", OPTIONS.some(([name]) => typed[name] !== (name === "priority" ? "normal" : "")));
    this.model.set("needs", NEEDS.some(([name]) => typed[name]));
    this.model.save_changes();
    this.editor.set("value", code);
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

  /** @param {string} name @param {string} label @param {string} kind @param {string} placeholder @param {string} [hint] */
  field(name, label, kind, placeholder, hint = "") {
    const id = `${this.view}-${name}`;
    const props = { id, class: "tq-input", "aria-describedby": hint ? `${id}-hint ${id}-remark` : `${id}-remark` };
    const input = this.input(kind, props, placeholder);
    input.addEventListener("input", () => this.set(name, input.value));
    this.fields[name] = input;
    const parts = [h("label", { for: id, class: "tqp-label" }, label), inputElement(input)];
    if (hint) parts.push(h("span", { class: "tqp-hint", id: `${id}-hint` }, hint));
    return h("div", { class: `tqp-field${hint ? " tqp-wide" : ""}` }, ...parts, this.remark(name, `${id}-remark`));
  }

  /** @param {string} kind @param {Record<string, any>} props @param {string} placeholder @returns {Input} */
  input(kind, props, placeholder) {
    if (kind === "select") return h("select", props, ...["low", "normal", "high"].map((level) => h("option", { value: level }, level)));
    if (kind === "area") return h("textarea", { ...props, rows: 2, spellcheck: "false", autocomplete: "off" });
    const list = kind === "list" ? `${this.view}-folders` : null;
    return h("input", { ...props, type: "text", placeholder, autocomplete: "off", list, inputmode: ["text", "list"].includes(kind) ? null : kind });
  }

  /** @param {string} name @param {string} [id] */
  remark(name, id) {
    this.remarks[name] = h("span", { id, class: "tqp-remark", role: "alert" });
    return this.remarks[name];
  }

  /** @param {string} trait Says whether it is open. @param {string} title @param {string[][]} described @param {...HTMLElement} others */
  disclosure(trait, title, described, ...others) {
    const fields = described.map(([name, label, placeholder, kind, hint]) => this.field(name, label, kind, placeholder, hint));
    const details = h("details", { class: `tqp-${trait}` }, h("summary", {}, icon("open"), title), h("div", { class: "tqp-options" }, ...fields, ...others));
    details.addEventListener("toggle", () => this.set(trait, details.open));
    return details;
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
    return { ...form, arguments: this.arguments.typed };
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

  /** Offer the folders beside the field of the project. */
  showFolders() {
    this.folders.replaceChildren(...this.model.get("folders").map((/** @type {string} */ folder) => h("option", { value: folder })));
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

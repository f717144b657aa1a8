// @ts-check
/** The arguments of a task: a field for each parameter that the code declares, and rows for others. */

import { button, inputElement } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { arrowed, rangeInWords } from "../shared/parameter.js";

/**
 * @typedef {import("../shared/parameter.js").Parameter} Parameter
 * A row for an argument: of a parameter that the code declares, or one whose name is typed too.
 * @typedef {{ row: HTMLElement, name: { value: string }, value: HTMLInputElement | HTMLSelectElement, kind: HTMLElement,
 *   problem: HTMLElement, declared: boolean }} ArgumentRow
 */

export class ArgumentRows {
  /** @param {import("../shared/display.js").Display} display of the form @param {HTMLElement} remark on all of them */
  constructor(display, remark) {
    this.display = display;
    this.model = display.model;
    this.view = display.view;
    /** The parameters that the fields were made for, as JSON. @type {string | undefined} */
    this.declared = undefined;
    /** @type {ArgumentRow[]} */
    this.rows = [];
    this.rowsMade = 0;
    this.parameters = h("div", { class: "tqp-parameters" });
    this.rowsPlace = h("div", { class: "tqp-rows" });
    this.addButton = button("add", "Add an argument", { class: "tq-quiet", onclick: () => this.add() });
    this.group = h("div", { class: "tqp-field", role: "group", "aria-label": "Arguments" },
      h("div", { class: "tqp-group-head" }, h("span", { class: "tqp-label" }, "Arguments"), this.addButton), this.rowsPlace, remark);
  }

  /** What is typed: names and values. */
  get typed() {
    return this.rows.map(({ name, value }) => [name.value, value.value]);
  }

  show() {
    const given = this.model.get("arguments");
    /** @type {string} */
    const declared = JSON.stringify(this.model.get("parameters"));
    if (declared === this.declared && JSON.stringify(given) === JSON.stringify(this.typed)) return;
    this.declared = declared;
    this.rows.splice(0).forEach(({ row }) => row.remove());
    for (const [name, value] of given) {
      const parameter = this.model.get("parameters").find((/** @type {Parameter} */ one) => one.name === name);
      if (parameter) this.addParameter(parameter, value);
      else this.addRow(name, value);
    }
    this.showReadings();
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

  /** A field for a parameter that the code declares. @param {Parameter} parameter @param {string} value */
  addParameter(parameter, value) {
    const id = `${this.view}-parameter-${parameter.name}`;
    const input = this.parameterInput(parameter, id, value);
    const hint = [parameter.help, rangeInWords(parameter.range)].filter(Boolean).join(" ");
    /** @type {ArgumentRow} */
    const made = { name: { value: parameter.name }, value: input, declared: true, row: h("div", { class: "tqp-field" }),
      kind: h("span", { class: "tqp-kind" }), problem: h("span", { class: "tqp-remark", role: "alert", id: `${id}-remark` }) };
    made.row.append(h("label", { for: id, class: "tqp-label" }, parameter.label, parameter.unit ? ` in ${parameter.unit}` : ""),
      inputElement(input),
      h("span", { class: "tqp-hint", id: `${id}-hint` }, hint), made.kind, made.problem);
    this.place(made, this.parameters);
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

  /** @param {KeyboardEvent} event @param {HTMLInputElement} input @param {Parameter} parameter */
  onStep(event, input, parameter) {
    const next = arrowed(event.key, input.value, { ...parameter, step: Number(parameter.step) });
    if (next === null) return;
    event.preventDefault();
    input.value = next;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  }

  add() {
    this.addRow("", "");
    /** @type {HTMLInputElement} */ (this.rows[this.rows.length - 1].name).focus();
    this.tell();
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
    const remove = button("close", `Remove argument ${name || place}`, { class: "tq-bare tq-quiet", onclick: () => this.remove(made) });
    made.row.append(nameInput, h("span", { "aria-hidden": "true" }, "="), valueInput, made.kind, remove, made.problem);
    this.place(made, this.rowsPlace);
  }

  /** @param {ArgumentRow} made @param {HTMLElement} where */
  place(made, where) {
    made.row.addEventListener("input", () => {
      this.tell();
      this.showReading(made);
    });
    this.rows.push(made);
    where.append(made.row);
  }

  /** @param {ArgumentRow} made */
  remove(made) {
    const place = this.rows.indexOf(made);
    this.rows.splice(place, 1);
    made.row.remove();
    const next = this.rows[Math.min(place, this.rows.length - 1)];
    /** @type {HTMLElement} */ (/** @type {unknown} */ (next && !next.declared ? next.name : this.addButton)).focus();
    this.tell();
  }

  /** Tell Python what is typed. */
  tell() {
    this.display.set("arguments", this.typed);
  }
}

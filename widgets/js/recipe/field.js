// @ts-check
/** A field for a parameter: a slider with a box for its number, a choice, a box to tick, or text. */

import { inputElement } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { arrowed, plain, rangeInWords } from "../shared/parameter.js";

/** @typedef {import("../shared/parameter.js").Parameter & { default: string }} Parameter */

/** Sliders without a step of their own have so many places. */
const PLACES = 200;
/** A range that is wider than this, from a positive least, is a slider by powers of ten. */
const WIDE = 5000;

export class Field {
  /** @param {Parameter} parameter @param {string} id that begins those of its parts @param {() => void} changed */
  constructor(parameter, id, changed) {
    this.parameter = parameter;
    this.changed = changed;
    const { name, label, unit, help, range, kind, choices } = parameter;
    this.problem = h("span", { class: "tqp-remark", id: `${id}-problem`, role: "alert" });
    this.hint = h("span", { class: "tqp-hint", id: `${id}-hint` }, [help, rangeInWords(range, unit)].filter(Boolean).join(" "));
    const described = { id, name, "aria-describedby": `${id}-hint ${id}-problem` };
    if (kind === "truth") this.input = h("input", { type: "checkbox", ...described });
    else if (choices.length) this.input = h("select", { class: "tq-input", ...described }, ...choices.map((choice) => h("option", { value: choice }, choice)));
    else {
      this.input = h("input", { class: "tq-input", type: "text", spellcheck: "false", autocomplete: "off", ...described,
        ...(kind === "text" ? {} : { inputmode: kind === "whole" ? "numeric" : "decimal" }) });
    }
    /** @type {HTMLInputElement | null} */
    this.slider = this.makeSlider(id);
    this.input.addEventListener(kind === "truth" || choices.length ? "change" : "input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.onKey(/** @type {KeyboardEvent} */ (event)));
    this.element = h("div", { class: "tqr-field", "data-kind": choices.length ? "choice" : kind }, ...this.parts(id, label, unit));
  }

  /** @param {string} id @param {string} label @param {string} unit */
  parts(id, label, unit) {
    if (this.parameter.kind === "truth") return [h("label", { class: "tqr-check" }, this.input, label), this.hint, this.problem];
    const title = h("label", { class: "tqp-label", for: id }, label, unit ? h("span", { class: "tqr-unit" }, ` in ${unit}`) : null);
    return [title, h("div", { class: "tqr-row" }, this.slider, inputElement(this.input)), this.hint, this.problem];
  }

  /** @param {string} id */
  makeSlider(id) {
    const { kind, minimum, maximum, choices, label } = this.parameter;
    if (!["whole", "number"].includes(kind) || choices.length || minimum === null || maximum === null) return null;
    this.wide = minimum > 0 && maximum / minimum > WIDE;
    const step = this.wide ? (Math.log10(maximum) - Math.log10(minimum)) / PLACES : (this.parameter.step ?? (kind === "whole" ? 1 : (maximum - minimum) / PLACES));
    // Tab goes to the box beside it, where arrow keys go a step: one control of two is enough there.
    const slider = h("input", { type: "range", class: "tqr-slider", min: this.placeOf(minimum), max: this.placeOf(maximum), step: this.wide ? step : "any", tabindex: -1, "aria-label": `${label}, slider`, id: `${id}-slider` });
    slider.addEventListener("input", () => {
      this.value = this.numberAt(Number(slider.value));
      this.changed();
    });
    return slider;
  }

  /** @param {number} number */
  placeOf(number) {
    return this.wide ? Math.log10(number) : number;
  }

  /** The number at a place of the slider: on a step from the least. @param {number} place */
  numberAt(place) {
    const { kind, step, minimum, maximum } = this.parameter;
    const [least, most] = [/** @type {number} */ (minimum), /** @type {number} */ (maximum)];
    const number = this.wide ? Number((10 ** place).toPrecision(2)) : place;
    const grain = step ?? (kind === "whole" ? 1 : (most - least) / PLACES);
    const onStep = this.wide && !step ? number : least + Math.round((number - least) / grain) * grain;
    const bounded = Math.max(least, Math.min(most, kind === "whole" ? Math.round(onStep) : onStep));
    return plain(bounded);
  }

  /** What stands in it, as text. */
  get value() {
    return this.parameter.kind === "truth" ? String(/** @type {HTMLInputElement} */ (this.input).checked) : this.input.value;
  }

  set value(text) {
    if (this.parameter.kind === "truth") /** @type {HTMLInputElement} */ (this.input).checked = text === "true";
    else if (this.input.value !== text) this.input.value = text;
    this.showSlider();
  }

  showSlider() {
    const number = Number(this.value);
    if (!this.slider || !Number.isFinite(number)) return;
    const { minimum, maximum } = this.parameter;
    const within = Math.max(/** @type {number} */ (minimum), Math.min(/** @type {number} */ (maximum), number));
    if (Number(this.slider.value) !== this.placeOf(within)) this.slider.value = String(this.placeOf(within));
  }

  typed() {
    this.showSlider();
    this.changed();
  }

  /** Arrow keys go a step up or down. @param {KeyboardEvent} event */
  onKey(event) {
    const { kind, step, choices, minimum, maximum } = this.parameter;
    if (choices.length || !["whole", "number"].includes(kind)) return;
    const grain = step ?? (kind === "whole" || minimum === null || maximum === null ? 1 : (maximum - minimum) / 100);
    const next = arrowed(event.key, this.input.value, { step: grain, minimum, maximum });
    if (next === null) return;
    event.preventDefault();
    this.value = next;
    this.changed();
  }

  /** @param {string} text what is wrong; empty for nothing */
  say(text) {
    setText(this.problem, text);
    setAttr(this.input, "aria-invalid", text ? "true" : null);
  }
}

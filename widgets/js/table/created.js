// @ts-check
/** The filter by time of creation: a list of spans, and two instants for what none of them is. */

import { dropDown } from "../shared/controls.js";
import { h } from "../shared/dom.js";

/** @typedef {Pick<import("./tasks.js").Query, "within_s" | "after" | "before">} Span */

const SPANS = [
  ["", "Any time"],
  ["300", "Last 5 minutes"],
  ["3600", "Last hour"],
  ["86400", "Last 24 hours"],
  ["604800", "Last 7 days"],
  ["between", "Between…"],
];

export class CreatedFilter {
  /** @param {(span: Span) => void} ask */
  constructor(ask) {
    this.span = h("select", { class: "tq-input", "aria-label": "Filter by time of creation", onchange: () => this.onSpan(ask) },
      ...SPANS.map(([value, label]) => h("option", { value }, label)));
    this.element = dropDown(this.span);
    const onInstant = () => ask({ within_s: null, after: instantIn(this.from), before: instantIn(this.to) });
    const field = (/** @type {string} */ label) => h("input", { type: "datetime-local", class: "tq-input", "aria-label": label, onchange: onInstant });
    this.from = field("Created from");
    this.to = field("Created until");
    this.between = h("div", { class: "tq-between", hidden: true }, "Created between", this.from, "and", this.to);
  }

  /** @param {(span: Span) => void} ask */
  onSpan(ask) {
    const { value } = this.span;
    this.between.hidden = value !== "between";
    if (value === "between") ask({ within_s: null, after: instantIn(this.from), before: instantIn(this.to) });
    else ask({ within_s: value ? Number(value) : null, after: null, before: null });
  }

  clear() {
    for (const field of [this.span, this.from, this.to]) field.value = "";
  }

  /** @param {Span} span that the table is filtered by */
  show({ within_s, after, before }) {
    if (within_s !== null) this.span.value = String(within_s);
    else if (after !== null || before !== null) this.span.value = "between";
    else if (this.span.value !== "between") this.span.value = "";
    this.between.hidden = this.span.value !== "between";
  }
}

/** Seconds since 1970, null where nothing is typed. @param {HTMLInputElement} input */
const instantIn = (input) => (input.value ? new Date(input.value).getTime() / 1000 : null);

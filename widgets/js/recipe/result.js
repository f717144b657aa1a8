// @ts-check
/** The result of a run as its recipe says; see `recipes/results.py`. */

import { picture } from "../detail/pictures.js";
import { resultParts } from "../detail/result.js";
import { h } from "../shared/dom.js";
import { chartFigure } from "./chart.js";

/** @param {Record<string, any>} result @returns {HTMLElement[]} */
export function recipeResult(result) {
  /** @type {Record<string, () => HTMLElement[]>} */
  const parts = {
    number: () => number(result),
    chart: () => [chartFigure(result.chart)],
    heat: () => [h("div", { class: "tqr-chart" },
      h("p", { class: "tqr-label" }, [result.label, result.y_label && `${result.y_label} downwards`].filter(Boolean).join(" · ")),
      picture(result.picture), h("p", { class: "tqr-label tqr-label-x" }, result.x_label ?? ""))],
    failed: () => [h("p", { class: "tqr-failed", role: "alert" }, h("strong", {}, "It failed. "), result.message || result.name)],
  };
  const made = parts[result.form];
  if (!made) return [...resultParts(result, () => {}), ...rest(result)];
  return [...made(), ...rest(result), ...(result.note ? [h("p", { class: "tqp-quiet-text" }, result.note)] : [])];
}

/** @param {Record<string, any>} result */
function number({ text, label, uncertain }) {
  return [
    h("div", { class: "tqr-number" }, label ? h("p", { class: "tqr-label" }, label) : null, h("p", { class: "tqp-value" }, text),
      uncertain ? h("p", { class: "tqp-quiet-text" }, "± is one standard error: about two of three such runs lie within it.") : null),
  ];
}

/** The other numbers and texts of a result. @param {{ rest?: [string, string][] }} result @returns {HTMLElement[]} */
function rest({ rest: entries = [] }) {
  const rows = entries.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]).flat();
  return rows.length ? [h("dl", { class: "tqr-rest" }, ...rows)] : [];
}

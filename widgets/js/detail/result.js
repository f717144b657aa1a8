// @ts-check
/** A task's value as it is shown. Python has said how: see `panels/results.py`. */

import { button } from "../shared/controls.js";
import { h, setText } from "../shared/dom.js";
import { amount, momentText } from "../shared/format.js";
import { picture } from "./pictures.js";

/** HTML of a task is shown in a frame of no origin, in which nothing runs and from which nothing is fetched. */
const FRAME_HEAD = `<!doctype html><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:">
<base target="_blank"><style>body{margin:12px;font:14px/1.5 system-ui,sans-serif;color:#16191d;background:#fff}table{border-collapse:collapse}td,th{padding:2px 8px;border:1px solid #ddd}</style>`;

/**
 * @param {Record<string, any>} result
 * @param {(content: Record<string, any>) => void} send to Python
 * @returns {HTMLElement[]}
 */
export function resultParts(result, send) {
  const note = [result.type, result.note].filter(Boolean).join(" · ");
  /** @type {Record<string, () => HTMLElement[]>} */
  const parts = {
    none: () => [h("p", { class: "tqp-quiet-text" }, result.text ?? "")],
    waits: () => waits(result, send),
    value: () => [h("p", { class: "tqp-value" }, result.text)],
    text: () => [h("pre", { class: "tqp-text" }, result.text)],
    grid: () => [grid(result)],
    curves: () => result.curves.map((/** @type {import("./scales.js").LineData} */ data) => h("div", {}, h("h4", {}, data.name ?? ""), picture(data))),
    image: () => [h("img", { class: "tqp-image", src: result.source, alt: result.text || "The task's value, an image" })],
    html: () => [h("iframe", { class: "tqp-frame", sandbox: "", title: "The task's value", srcdoc: FRAME_HEAD + result.html })],
  };
  const made = parts[result.form]?.() ?? [];
  if (result.picture) made.unshift(picture(result.picture));
  if (result.slices) made.unshift(slices(result.slices, send));
  if (result.empty) made.push(h("p", { class: "tqp-quiet-text" }, result.empty));
  if (note) made.push(h("p", { class: "tqp-quiet-text tqp-value-note" }, note));
  if (result.more) made.push(h("p", { class: "tqp-more-button" }, button("down", "Show all", { onclick: () => send({ type: "whole" }) })));
  return made;
}

/** Why a task waits, by the clock of who looks. @param {Record<string, any>} result @param {(content: Record<string, any>) => void} send */
function waits({ text, since, until, needs }, send) {
  const when = until ? ` (at ${momentText(until)})` : since ? ` (since ${momentText(since)})` : "";
  const first = needs ? h("p", {}, button("open", `Open task ${needs}`, { onclick: () => send({ type: "open", id: String(needs) }) })) : null;
  return [h("p", { class: "tqp-quiet-text" }, `Waiting: ${text}${when}.`), ...(first ? [first] : [])];
}

/** Put parts into a place; whoever is choosing a slice goes on with that. @param {HTMLElement} place @param {HTMLElement[]} parts */
export function fill(place, parts) {
  const slicing = place.querySelector(".tqp-slices input:focus") !== null;
  place.replaceChildren(...parts);
  if (slicing) /** @type {HTMLElement | null} */ (place.querySelector(".tqp-slices input"))?.focus();
}

/** Which matrix of an array of more dimensions is shown. @param {{ count: number, at: number, name: string }} slices @param {(content: Record<string, any>) => void} send */
function slices({ count, at, name }, send) {
  const label = h("output", {}, name);
  const range = /** @type {HTMLInputElement} */ (h("input", { type: "range", min: 1, max: count, value: at + 1, "aria-label": "Slice", "aria-valuetext": name }));
  range.addEventListener("change", () => send({ type: "slice", at: Number(range.value) - 1 }));
  range.addEventListener("input", () => setText(label, `slice ${amount(Number(range.value))} of ${amount(count)}`));
  return h("label", { class: "tqp-slices" }, "Slice", range, label);
}

/** A place that a wide table scrolls in, by keyboard too. @param {string} label @param {HTMLElement} table */
export function scrolling(label, table) {
  return h("div", { class: "tqp-grid-place", role: "region", "aria-label": label, tabindex: 0 }, table);
}

/** A table of cells. @param {{ head?: string[] | null, rows?: string[][], named?: boolean }} result */
function grid({ head, rows = [], named }) {
  const numeric = (/** @type {number} */ i) => rows.every((row) => /^-?[\d.]+(e[-+]?\d+)?$|^(missing|nothing|NaN|-?Inf)?$/.test(row[i] ?? ""));
  const ends = Array.from({ length: Math.max(0, ...rows.map((row) => row.length)) }, (_, i) => (numeric(i) && !(named && i === 0) ? "tqp-end" : ""));
  const cells = (/** @type {string[]} */ row) => row.map((text, i) => (named && i === 0 ? h("th", { scope: "row" }, text) : h("td", { class: text.length > 60 || text.includes("\n") ? "tqp-long" : ends[i] }, text)));
  return scrolling("The task's value", h("table", { class: "tqp-grid" },
    head ? h("thead", {}, h("tr", {}, ...head.map((text, i) => h("th", { scope: "col", class: ends[i] }, text)))) : null,
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...cells(row))))));
}

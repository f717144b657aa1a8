// @ts-check
/**
 * Numbers as pictures: a line with its axes, a matrix as a heat map with its colour bar.
 *
 * Python has thinned the numbers. Only the marks are drawn, in an SVG and a canvas that are
 * stretched over the place there is; ticks and their labels are elements set in per cent of
 * it. So a picture fits every width, and its text keeps its size, without being drawn again.
 */

import { h, setText, svg } from "../shared/dom.js";
import { amount } from "../shared/format.js";

/** @typedef {{ at: number, text: string }} Tick where from 0 to 1, and its label */
/** @typedef {{ kind: "line", count: number, points: [number, number | null][], low: number, high: number, text: string }} LineData */
/** @typedef {{ kind: "heat", rows: number, columns: number, block: [number, number], cells: (number | null)[][], low: number, high: number, text: string }} HeatData */

/** Viridis (Smith and van der Walt, CC0): even to the eye, in the dark too, and to those who see few colours. */
const COLOURS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

/** How a number lies between two others, from 0 to 1; their difference may be beyond what a number holds. */
const between = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ value) => (high === low ? 0.5 : (value / 2 - low / 2) / (high / 2 - low / 2));

/** The step of 1, 2 or 5 times a power of ten that cuts a span into at most so many parts. @param {number} span @param {number} most */
function niceStep(span, most) {
  const rough = span / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ([1, 2, 5].find((nice) => nice * power >= rough * (1 - 1e-12)) ?? 10) * power;
}

/** A number on an axis: no digit too many, none too few. @param {number} value @param {number} step @param {number} largest of the axis */
function tickText(value, step, largest) {
  if (Math.abs(value) < step / 1e6) return "0";
  const [power, top] = [Math.floor(Math.log10(step)), Math.floor(Math.log10(largest))];
  if ((top >= 6 && top - power < 6) || top < -4 || top > 15) {
    const digits = Math.max(0, Math.floor(Math.log10(Math.abs(value))) - power);
    return value.toExponential(Math.min(15, digits)).replace("e+", "e");
  }
  return value.toFixed(Math.min(20, Math.max(0, -power)));
}

/** Ticks of a scale of numbers. @param {number} low @param {number} high @param {number} most @returns {Tick[]} */
function ticks(low, high, most) {
  const step = niceStep(high / most - low / most, 1); // their difference may be beyond what a number holds
  const largest = Math.max(Math.abs(low), Math.abs(high));
  if (!(step > 0) || largest + step === largest) {
    return [...new Set([low, high])].map((value) => ({ at: between(low, high, value), text: String(value) }));
  }
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => (first + i) * step).map((value) => ({ at: between(low, high, value), text: tickText(value, step, largest) }));
}

/** Whole numbers from 1 on, as Julia counts. @param {number} count @param {number} most @returns {number[]} */
function indices(count, most) {
  const step = Math.max(1, niceStep(count, most));
  const rest = Array.from({ length: Math.floor(count / step) }, (_, i) => (i + 1) * step);
  return rest[0] === 1 ? rest : [1, ...rest];
}

/** A number in full. @param {number | null} value */
const exact = (value) => (value === null ? "no number" : String(value));

/** The labels along one side. @param {string} side @param {Tick[]} marks */
function axis(side, marks) {
  const place = side === "x" ? "left" : "bottom";
  const longest = marks.reduce((text, mark) => (mark.text.length > text.length ? mark.text : text), "");
  return h("div", { class: `tqp-axis tqp-axis-${side}`, "aria-hidden": "true" },
    h("span", { class: "tqp-axis-room" }, longest),
    ...marks.map(({ at, text }) => h("span", { class: "tqp-tick", style: `${place}:${(100 * at).toFixed(2)}%` }, text)));
}

/** What a picture says, and what is under the pointer while one is there. @param {string} text */
function caption(text) {
  const element = h("figcaption", {}, text);
  return { element, say: (/** @type {string} */ said) => setText(element, said || text) };
}

/** Where in an element the pointer is, from 0 to 1. @param {PointerEvent} event @param {HTMLElement} area */
function pointed(event, area) {
  const { left, top, width, height } = area.getBoundingClientRect();
  const inside = (/** @type {number} */ value) => Math.max(0, Math.min(1, value));
  return { x: inside((event.clientX - left) / width), y: inside((event.clientY - top) / height) };
}

/** Draw what Python has prepared. @param {LineData | HeatData} data */
export function picture(data) {
  return data.kind === "heat" ? heatMap(data) : lineChart(data);
}

// -- a line

/** @param {LineData} data */
function lineChart(data) {
  const { count, points, low, high } = data;
  const edge = high === low ? Math.abs(high) / 10 || 1 : (high / 2 - low / 2) / 10; // so that the line is not cut at its ends
  const [bottom, top] = [Math.max(low - edge, -Number.MAX_VALUE), Math.min(high + edge, Number.MAX_VALUE)];
  const across = (/** @type {number} */ index) => (index - 1) / Math.max(1, count - 1);
  const up = (/** @type {number} */ value) => between(bottom, top, value);
  const yTicks = ticks(bottom, top, 5);
  const xTicks = indices(count, 6).map((index) => ({ at: across(index), text: amount(index) }));
  const at = (/** @type {[number, number | null]} */ [index, value]) => `${(1000 * across(index)).toFixed(2)} ${(1000 - 1000 * up(/** @type {number} */ (value))).toFixed(2)}`;
  const lines = svg("svg", { class: "tqp-marks", viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
    svg("path", { class: "tqp-grid-lines", d: yTicks.map((tick) => `M0 ${(1000 - 1000 * tick.at).toFixed(2)}h1000`).join("") }),
    svg("path", { class: "tqp-line", d: runs(points).map((run) => `M${run.map(at).join("L")}`).join("") }),
    svg("path", { class: "tqp-dots", d: dotted(points).map((point) => `M${at(point)}h0`).join("") }));
  const mark = h("i", { class: "tqp-mark", hidden: true });
  const area = h("div", { class: "tqp-area", role: "img", "aria-label": `A line of ${data.text}, from ${exact(low)} to ${exact(high)}` }, /** @type {any} */ (lines), mark);
  const said = caption(data.text);
  const there = points.filter(([, value]) => value !== null);
  area.addEventListener("pointermove", (event) => {
    const { x } = pointed(event, area);
    const nearest = there.reduce((best, point) => (Math.abs(across(point[0]) - x) < Math.abs(across(best[0]) - x) ? point : best));
    mark.hidden = false;
    mark.style.left = `${100 * across(nearest[0])}%`;
    mark.style.bottom = `${100 * up(/** @type {number} */ (nearest[1]))}%`;
    said.say(`[${amount(nearest[0])}]  ${exact(nearest[1])}`);
  });
  area.addEventListener("pointerleave", () => { mark.hidden = true; said.say(""); });
  return h("figure", { class: "tqp-picture", "data-kind": "line" }, axis("y", yTicks), area, axis("x", xTicks), said.element);
}

/** The points between gaps. @param {[number, number | null][]} points */
function runs(points) {
  /** @type {[number, number | null][][]} */
  const found = [[]];
  for (const point of points) {
    if (point[1] === null) found.push([]);
    else found[found.length - 1].push(point);
  }
  return found.filter((run) => run.length > 0);
}

/** The points that are shown as dots: all where they are few, else those that have a gap on either side. @param {[number, number | null][]} points */
function dotted(points) {
  return runs(points).filter((run) => points.length <= 60 || run.length === 1).flat();
}

// -- a matrix

/** @param {number} at from 0 to 1 */
function colour(at) {
  const place = Math.max(0, Math.min(1, at)) * (COLOURS.length - 1);
  const lower = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[lower].map((part, i) => Math.round(part + (COLOURS[lower + 1][i] - part) * (place - lower)));
}

/** @param {HeatData} data */
function heatMap(data) {
  const { rows, columns, block, cells, low, high } = data;
  const canvas = /** @type {HTMLCanvasElement} */ (h("canvas", { width: cells[0].length, height: cells.length }));
  const pixels = new ImageData(cells[0].length, cells.length);
  cells.flat().forEach((value, i) => {
    if (value !== null) pixels.data.set([...colour(between(low, high, value)), 255], 4 * i);
  });
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  const area = h("div", { class: "tqp-area", role: "img", "aria-label": `A heat map of ${data.text}, from ${exact(low)} to ${exact(high)}` }, canvas);
  const said = caption(data.text);
  area.addEventListener("pointermove", (event) => {
    const { x, y } = pointed(event, area);
    const row = Math.min(cells.length - 1, Math.floor((y * rows) / block[0]));
    const column = Math.min(cells[0].length - 1, Math.floor((x * columns) / block[1]));
    said.say(`[${span(row, block[0], rows)}, ${span(column, block[1], columns)}]  ${exact(cells[row][column])}`);
  });
  area.addEventListener("pointerleave", () => said.say(""));
  const middle = (/** @type {number} */ index, /** @type {number} */ count) => (index - 0.5) / count;
  const across = indices(columns, 5).map((index) => ({ at: middle(index, columns), text: amount(index) }));
  const down = indices(rows, 5).map((index) => ({ at: 1 - middle(index, rows), text: amount(index) }));
  // The last block may be cut: the canvas is as large as whole blocks, and what is beyond the matrix is hidden.
  canvas.style.width = `${(100 * cells[0].length * block[1]) / columns}%`;
  canvas.style.height = `${(100 * cells.length * block[0]) / rows}%`;
  const figure = h("figure", { class: "tqp-picture", "data-kind": "heat" }, axis("y", down), area, colourBar(low, high), axis("x", across), said.element);
  figure.style.setProperty("--tqp-ratio", String(Math.max(0.25, Math.min(4, columns / rows))));
  return figure;
}

/** The indices of a block. @param {number} place @param {number} size @param {number} count */
function span(place, size, count) {
  const [first, last] = [place * size + 1, Math.min(count, (place + 1) * size)];
  return first === last ? amount(first) : `${amount(first)}–${amount(last)}`;
}

/** @param {number} low @param {number} high */
function colourBar(low, high) {
  const stops = COLOURS.map((part) => `rgb(${part.join(" ")})`).join(", ");
  const marks = high === low ? [{ at: 0.5, text: exact(low) }] : ticks(low, high, 5);
  return h("div", { class: "tqp-colours" }, h("i", { style: `background: linear-gradient(to top, ${stops})` }), axis("y", marks));
}


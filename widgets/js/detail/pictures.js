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
import { COLOURS, between, colour, dotted, exact, heatScales, lineScales, runs } from "./scales.js";

/** @typedef {import("./scales.js").Tick} Tick */
/** @typedef {import("./scales.js").LineData} LineData */
/** @typedef {import("./scales.js").HeatData} HeatData */

/** The labels along one side. @param {string} side @param {Tick[]} marks */
export function axis(side, marks) {
  const place = side === "x" ? "left" : "bottom";
  const longest = marks.reduce((text, mark) => (mark.text.length > text.length ? mark.text : text), "");
  return h("div", { class: `tqp-axis tqp-axis-${side}`, "aria-hidden": "true" },
    h("span", { class: "tqp-axis-room" }, longest),
    ...marks.map(({ at, text }) => h("span", { class: "tqp-tick", style: `${place}:${(100 * at).toFixed(2)}%` }, text)));
}

/** What a picture says, and what is under the pointer while one is there. @param {string} text */
export function caption(text) {
  const element = h("figcaption", {}, text);
  return { element, say: (/** @type {string} */ said) => setText(element, said || text) };
}

/** Where in an element the pointer is, from 0 to 1. @param {PointerEvent} event @param {HTMLElement} area */
export function pointed(event, area) {
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
  const { points, low, high } = data;
  const { across, up, xTicks, yTicks } = lineScales(data);
  const at = (/** @type {[number, number | null]} */ [index, value]) => `${(1000 * across(index)).toFixed(2)} ${(1000 - 1000 * up(/** @type {number} */ (value))).toFixed(2)}`;
  const lines = svg("svg", { class: "tqp-marks", viewBox: "0 0 1000 1000", preserveAspectRatio: "none" },
    svg("path", { class: "tqp-grid-lines", d: yTicks.map((tick) => `M0 ${(1000 - 1000 * tick.at).toFixed(2)}h1000`).join("") }),
    svg("path", { class: "tqp-line", d: runs(points).map((run) => `M${run.map(at).join("L")}`).join("") }),
    svg("path", { class: "tqp-dots", d: dotted(points).map((point) => `M${at(point)}h0`).join("") }));
  const mark = h("i", { class: "tqp-mark", hidden: true });
  const area = h("div", { class: "tqp-area", role: "img", "aria-label": `A line of ${data.name ? `${data.name}, ` : ""}${data.text}, from ${exact(low)} to ${exact(high)}` }, /** @type {any} */ (lines), mark);
  const said = caption(data.text);
  const there = points.filter(([, value]) => value !== null);
  area.addEventListener("pointermove", (event) => {
    const { x } = pointed(event, area);
    const nearest = there.reduce((best, point) => (Math.abs(across(point[0]) - x) < Math.abs(across(best[0]) - x) ? point : best));
    mark.hidden = false;
    mark.style.left = `${100 * across(nearest[0])}%`;
    mark.style.bottom = `${100 * up(/** @type {number} */ (nearest[1]))}%`;
    said.say(`${data.steps ? `step ${exact(nearest[0])}:` : `[${amount(nearest[0])}]`}  ${exact(nearest[1])}`);
  });
  area.addEventListener("pointerleave", () => { mark.hidden = true; said.say(""); });
  return h("figure", { class: "tqp-picture", "data-kind": "line" }, axis("y", yTicks), area, axis("x", xTicks), said.element);
}

// -- a matrix

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
  const { across, down, bar, ratio } = heatScales(data);
  // The last block may be cut: the canvas is as large as whole blocks, and what is beyond the matrix is hidden.
  canvas.style.width = `${(100 * cells[0].length * block[1]) / columns}%`;
  canvas.style.height = `${(100 * cells.length * block[0]) / rows}%`;
  const figure = h("figure", { class: "tqp-picture", "data-kind": "heat" }, axis("y", down), area, colourBar(bar), axis("x", across), said.element);
  figure.style.setProperty("--tqp-ratio", String(ratio));
  return figure;
}

/** The indices of a block. @param {number} place @param {number} size @param {number} count */
function span(place, size, count) {
  const [first, last] = [place * size + 1, Math.min(count, (place + 1) * size)];
  return first === last ? amount(first) : `${amount(first)}–${amount(last)}`;
}

/** @param {Tick[]} marks */
function colourBar(marks) {
  const stops = COLOURS.map((part) => `rgb(${part.join(" ")})`).join(", ");
  return h("div", { class: "tqp-colours" }, h("i", { style: `background: linear-gradient(to top, ${stops})` }), axis("y", marks));
}

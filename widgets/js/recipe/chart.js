// @ts-check
/** Curves over numbers, with standard errors where there are some; see `recipes/results.py` for what Python sends. */

import { axis, caption, pointed } from "../detail/pictures.js";
import { DOTTED, between, colour, dotted, roomy, runs, ticks } from "../detail/scales.js";
import { h, svg } from "../shared/dom.js";

/**
 * @typedef {[number, number | null, number | null]} Point x, y, and the standard error of y
 * @typedef {{ curves: { name: string, points: Point[] }[], x_label: string, y_label: string, low: number, high: number,
 *   span: [number, number], family?: boolean }} Chart `family`: results of a sweep, named by what is swept
 */

/** So many curves have colours that are told apart; more are a family, from dark to light. */
const COLOURS = 5;

/** @param {number} value */
const exact = (value) => String(Number(value.toPrecision(8)));

/** The class, and the colour where it has one of its own, of a curve. @param {number} place @param {number} count @returns {Record<string, string>} */
function look(place, count) {
  if (count <= COLOURS) return { class: `tqr-curve tqr-curve-${place + 1}` };
  return { class: "tqr-curve", style: `--tqr-colour: rgb(${colour(0.9 * (place / (count - 1))).join(" ")})` };
}

/** @param {Chart} chart */
export function chartFigure(chart) {
  const { curves, span, low, high } = chart;
  const [bottom, top] = roomy(low, high);
  const margin = curves.some(({ points }) => points.length <= DOTTED) ? 0.02 : 0;
  const across = (/** @type {number} */ x) => margin + (1 - 2 * margin) * between(span[0], span[1], x);
  const up = (/** @type {number} */ y) => between(bottom, top, y);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => `${(1000 * across(x)).toFixed(2)} ${(1000 - 1000 * up(y)).toFixed(2)}`;
  const xTicks = ticks(span[0], span[1], 5).map((tick) => ({ ...tick, at: margin + (1 - 2 * margin) * tick.at }));
  const yTicks = ticks(bottom, top, 5);
  const drawn = curves.map(({ points }, place) => curve(points, at, look(place, curves.length)));
  const marks = svg("svg", { class: "tqp-marks", viewBox: "0 0 1000 1000", preserveAspectRatio: "none", "aria-hidden": "true" },
    svg("path", { class: "tqp-grid-lines", d: yTicks.map((tick) => `M0 ${(1000 - 1000 * tick.at).toFixed(2)}h1000`).join("") }), ...drawn);
  const mark = h("i", { class: "tqp-mark", hidden: true });
  const area = h("div", { class: "tqp-area", role: "img", "aria-label": inWords(chart) }, /** @type {any} */ (marks), mark);
  const said = caption("");
  area.addEventListener("pointermove", (event) => {
    const { x, y } = pointed(event, area);
    const near = nearest(chart, (point) => Math.hypot(across(point[0]) - x, 0.4 * (up(/** @type {number} */ (point[1])) - y)));
    if (!near) return;
    mark.hidden = false;
    mark.style.left = `${100 * across(near.point[0])}%`;
    mark.style.bottom = `${100 * up(/** @type {number} */ (near.point[1]))}%`;
    said.say(pointInWords(chart, near));
  });
  area.addEventListener("pointerleave", () => { mark.hidden = true; said.say(""); });
  return h("div", { class: "tqr-chart" },
    chart.y_label ? h("p", { class: "tqr-label" }, chart.y_label) : null,
    h("figure", { class: "tqp-picture", "data-kind": "line" }, axis("y", yTicks), area, axis("x", xTicks),
      h("span", { class: "tqr-label tqr-label-x" }, chart.x_label), said.element), legend(chart));
}

/** @param {Point[]} points @param {(x: number, y: number) => string} at @param {Record<string, string>} how */
function curve(points, at, how) {
  const { line, errors, dots } = paths(points, at);
  return svg("g", how, svg("path", { class: "tqp-line", d: line }), svg("path", { class: "tqr-errors", d: errors }), svg("path", { class: "tqp-dots", d: dots }));
}

/**
 * The paths of a curve's lines between gaps, of its standard errors, and of its dots.
 * @param {Point[]} points @param {(x: number, y: number) => string} at
 */
export function paths(points, at) {
  const place = (/** @type {Point} */ [x, y]) => at(x, /** @type {number} */ (y));
  const bar = (/** @type {any} */ [x, y, error]) => `M${at(x, y - error)}L${at(x, y + error)}`;
  return {
    line: runs(points).map((run) => `M${run.map(place).join("L")}`).join(""),
    errors: points.filter(([, y, error]) => y !== null && error !== null && error > 0).map(bar).join(""),
    dots: dotted(points).map((point) => `M${place(point)}h0`).join(""),
  };
}

/** @param {Chart} chart @param {(point: Point) => number} far */
function nearest({ curves }, far) {
  /** @type {{ name: string, point: Point } | null} */
  let best = null;
  let least = Infinity;
  for (const { name, points } of curves) {
    for (const point of points) {
      if (point[1] === null) continue;
      const distance = far(point);
      if (distance < least) [best, least] = [{ name, point }, distance];
    }
  }
  return best;
}

/** @param {Chart} chart @param {{ name: string, point: Point }} near */
function pointInWords({ curves, x_label }, { name, point: [x, y, error] }) {
  const value = `${exact(/** @type {number} */ (y))}${error ? ` ± ${exact(error)}` : ""}`;
  return `${x_label} ${exact(x)}:  ${curves.length > 1 ? `${name} ` : ""}${value}`;
}

/** What a screen reader says of it. @param {Chart} chart */
export function inWords({ curves, x_label, y_label, span }) {
  const ends = curves.flatMap(({ name, points }) => {
    const ys = /** @type {number[]} */ (points.map(([, y]) => y).filter((y) => y !== null));
    return ys.length ? [`${curves.length > 1 ? `${name} ` : ""}from ${exact(Math.min(...ys))} to ${exact(Math.max(...ys))}`] : [];
  });
  if (!ends.length) return "An empty picture: no point is there yet";
  const named = curves.length > 1 && curves.length <= COLOURS ? `: ${curves.map(({ name }) => name).join(", ")}` : "";
  return `${curves.length === 1 ? "A curve" : `${curves.length} curves`}${y_label ? ` of ${y_label}` : ""} over ${x_label} from ${exact(span[0])} to ${exact(span[1])}${named}; ${ends.slice(0, COLOURS).join(", ")}`;
}

/** Which colour is which; of a family the first and the last. @param {Chart} chart */
function legend({ curves }) {
  if (curves.length < 2) return null;
  const all = curves.map(({ name }, place) => h("li", look(place, curves.length), h("i", { "aria-hidden": "true" }), name));
  return h("ul", { class: "tqr-legend" }, ...(curves.length <= COLOURS ? all : [all[0], all[all.length - 1]]));
}

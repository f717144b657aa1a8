// @ts-check
/** What a picture of numbers is drawn by, on the page and in a file: where a number lies, ticks, colours. */

import { amount } from "../shared/format.js";

/** @typedef {{ at: number, text: string }} Tick where from 0 to 1, and its label */
/**
 * Numbers in a row; those of a series stand at its steps, not at their places. `log`: heights by powers of ten.
 * @typedef {{ kind: "line", count: number, points: [number, number | null][], low: number, high: number, text: string,
 *   name?: string, steps?: [number, number], log?: boolean }} LineData
 */
/** @typedef {{ kind: "heat", rows: number, columns: number, block: [number, number], cells: (number | null)[][], low: number, high: number, text: string,
 *   xs?: [number, number] | null, ys?: [number, number] | null }} HeatData `xs`, `ys`: from where to where its sides go */

/** Viridis (Smith and van der Walt, CC0): even to the eye, in the dark too, and to those who see few colours. */
export const COLOURS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];

/** Up to so many points of a line are dots as well. */
export const DOTTED = 60;

/** How a number lies between two others, from 0 to 1; their difference may be beyond what a number holds. */
export const between = (/** @type {number} */ low, /** @type {number} */ high, /** @type {number} */ value) => (high === low ? 0.5 : (value / 2 - low / 2) / (high / 2 - low / 2));

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
export function ticks(low, high, most) {
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
export function indices(count, most) {
  const step = Math.max(1, niceStep(count, most));
  const rest = Array.from({ length: Math.floor(count / step) }, (_, i) => (i + 1) * step);
  return rest[0] === 1 ? rest : [1, ...rest];
}

/** A number in full. @param {number | null} value */
export const exact = (value) => (value === null ? "no number" : String(value));

/** The points between gaps. @template {[number, number | null, ...any]} Point @param {Point[]} points */
export function runs(points) {
  /** @type {Point[][]} */
  const found = [[]];
  for (const point of points) {
    if (point[1] === null) found.push([]);
    else found[found.length - 1].push(point);
  }
  return found.filter((run) => run.length > 0);
}

/**
 * The points that are shown as dots: all where they are few, else those that have a gap on either side.
 * @template {[number, number | null, ...any]} Point @param {Point[]} points
 */
export function dotted(points) {
  return runs(points).filter((run) => points.length <= DOTTED || run.length === 1).flat();
}

/** From where to where a side goes, so that no line is cut at its ends. @param {number} low @param {number} high */
export function roomy(low, high) {
  const edge = high === low ? Math.abs(high) / 10 || 1 : (high / 2 - low / 2) / 10;
  return [Math.max(low - edge, -Number.MAX_VALUE), Math.min(high + edge, Number.MAX_VALUE)];
}

/** @param {number} at from 0 to 1 */
export function colour(at) {
  const place = Math.max(0, Math.min(1, at)) * (COLOURS.length - 1);
  const lower = Math.min(Math.floor(place), COLOURS.length - 2);
  return COLOURS[lower].map((part, i) => Math.round(part + (COLOURS[lower + 1][i] - part) * (place - lower)));
}

/** Ticks of a scale of powers of ten: these, where there are some. @param {number} low @param {number} high @param {number} most @returns {Tick[]} */
function logTicks(low, high, most) {
  const at = (/** @type {number} */ value) => between(Math.log10(low), Math.log10(high), Math.log10(value));
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const step = Math.ceil((last - first + 1) / most);
  if (last - first < 1) return ticks(low, high, most).map(({ text }) => ({ at: at(Number(text)), text })).filter((tick) => Number.isFinite(tick.at));
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step)
    .map((power) => ({ at: at(10 ** power), text: power < -3 || power > 5 ? `1e${power}` : `${Number((10 ** power).toPrecision(1))}` }));
}

/** The axes of a line. @param {LineData} data */
export function lineScales(data) {
  return { ...heights(data), ...places(data) };
}

/** Where the numbers of a line stand, and the ticks below. @param {LineData} data */
function places({ count, steps }) {
  if (steps) {
    const [first, last] = steps;
    const across = (/** @type {number} */ step) => between(first, last, step);
    const named = (/** @type {number} */ most) => ticks(first, last, most)
      .map(({ at, text }) => ({ at, text: Number.isInteger(Number(text)) && !text.includes("e") ? amount(Number(text)) : text }));
    const many = named(5);
    return { across, xTicks: many.some(({ text }) => text.length > 6) ? named(3) : many };
  }
  const across = (/** @type {number} */ index) => (index - 1) / Math.max(1, count - 1);
  return { across, xTicks: indices(count, 6).map((index) => ({ at: across(index), text: amount(index) })) };
}

/** How high they stand, and the ticks beside. @param {LineData} data */
function heights({ low, high, log }) {
  if (log) {
    const edge = (high / low) ** 0.1 || 1;
    const [bottom, top] = high === low ? [low / 2, high * 2] : [low / edge, high * edge];
    return { up: (/** @type {number} */ value) => between(Math.log10(bottom), Math.log10(top), Math.log10(value)), yTicks: logTicks(bottom, top, 5) };
  }
  const [bottom, top] = roomy(low, high);
  return { up: (/** @type {number} */ value) => between(bottom, top, value), yTicks: ticks(bottom, top, 5) };
}

/** The axes of a matrix, and those of its colours. @param {HeatData} data */
export function heatScales({ rows, columns, low, high, xs, ys }) {
  const middle = (/** @type {number} */ index, /** @type {number} */ count) => (index - 0.5) / count;
  return {
    across: xs ? sides(xs, columns) : indices(columns, 5).map((index) => ({ at: middle(index, columns), text: amount(index) })),
    down: ys ? sides(ys, rows).map(({ at, text }) => ({ at: 1 - at, text })) : indices(rows, 5).map((index) => ({ at: 1 - middle(index, rows), text: amount(index) })),
    bar: high === low ? [{ at: 0.5, text: exact(low) }] : ticks(low, high, 5),
    ratio: Math.max(0.25, Math.min(4, columns / rows)),
  };
}

/** Ticks of a side whose cells stand at places from one number to another, each in the middle of its cell. @param {[number, number]} ends @param {number} count */
function sides([first, last], count) {
  const [low, high] = [Math.min(first, last), Math.max(first, last)];
  const half = count > 1 ? 0.5 / count : 0.5;
  return ticks(low, high, 5).map(({ at, text }) => ({ at: half + (1 - 2 * half) * (first <= last ? at : 1 - at), text }));
}

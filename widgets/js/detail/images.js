// @ts-check
/**
 * Pictures as files: one that is drawn here as an SVG that stands alone, and an SVG as a PNG.
 *
 * What is drawn on the page is spread over elements and takes its colours from the theme. A
 * file has one drawing, dark on white, of the same points and the same ticks.
 */

import { COLOURS, between, colour, dotted, heatScales, lineScales, runs } from "./scales.js";

/** @typedef {import("./scales.js").LineData} LineData */
/** @typedef {import("./scales.js").HeatData} HeatData */
/** @typedef {import("./scales.js").Tick} Tick */

const INK = "#16191d";
const SOFT = "#5d6670";
const LINE = "#0b5cad";
/** How wide and high a line is drawn. @type {[number, number]} */
const LINE_SIZE = [760, 420];
const FONT = 'font-family="system-ui, sans-serif" font-size="12"';
/** So many pixels of a PNG for one of the drawing. */
const SHARPNESS = 2;

/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
/** @param {number} value */
const short = (value) => value.toFixed(2);

/** A drawn picture as the text of an SVG. @param {LineData | HeatData} data */
export function pictureAsSvg(data) {
  return data.kind === "heat" ? heatAsSvg(data) : lineAsSvg(data);
}

/** Some lines as one SVG, one below the other. @param {LineData[]} curves */
export function curvesAsSvg(curves) {
  const [width, height] = LINE_SIZE;
  const each = curves.map((data, i) => lineAsSvg(data).replace("<svg ", `<svg y="${i * height}" `));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height * curves.length}" viewBox="0 0 ${width} ${height * curves.length}">${each.join("")}</svg>\n`;
}

/** @param {number} width @param {number} height @param {string} title @param {string[]} parts */
function drawing(width, height, title, parts) {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${FONT}>`
    + `<title>${escaped(title)}</title><rect width="100%" height="100%" fill="#fff"/>${parts.join("")}</svg>\n`;
}

/** @param {LineData} data */
function lineAsSvg(data) {
  const [[width, height], left, top, wide, high] = [LINE_SIZE, 84, 16, 656, 340];
  const { across, up, xTicks, yTicks } = lineScales(data);
  const at = (/** @type {[number, number | null]} */ [index, value]) => `${short(left + wide * across(index))} ${short(top + high * (1 - up(/** @type {number} */ (value))))}`;
  const line = runs(data.points).map((run) => `M${run.map(at).join("L")}`).join("");
  const dots = dotted(data.points).map((point) => `M${at(point)}h0`).join("");
  const said = [data.name, data.text].filter(Boolean).join(": ");
  return drawing(width, height, said, [
    ...yTicks.map((tick) => `<path d="M${left} ${short(top + high * (1 - tick.at))}h${wide}" stroke="#e3e6e9"/>`),
    `<path d="M${left} ${top}v${high}h${wide}" fill="none" stroke="${SOFT}"/>`,
    `<path d="${line}" fill="none" stroke="${LINE}" stroke-width="1.5" stroke-linejoin="round"/>`,
    `<path d="${dots}" fill="none" stroke="${LINE}" stroke-width="4.5" stroke-linecap="round"/>`,
    below(xTicks, left, wide, top + high),
    beside(yTicks, left - 8, "end", top, high),
    caption(said, left, height),
  ]);
}

/** @param {HeatData} data */
function heatAsSvg(data) {
  const { across, down, bar, ratio } = heatScales(data);
  const [wide, high] = ratio > 1 ? [480, Math.round(480 / ratio)] : [Math.round(400 * ratio), 400];
  const [left, top] = [64, 16];
  const [width, height] = [left + Math.max(wide, 320) + 120, top + high + 64];
  const stops = COLOURS.map((part, i) => `<stop offset="${i / (COLOURS.length - 1)}" stop-color="rgb(${part.join(" ")})"/>`);
  return drawing(width, height, data.text, [
    `<defs><linearGradient id="colours" x1="0" y1="1" x2="0" y2="0">${stops.join("")}</linearGradient></defs>`,
    `<g shape-rendering="crispEdges">${cellsOf(data, left, top, wide, high)}</g>`,
    `<rect x="${left + wide + 16}" y="${top}" width="12" height="${high}" fill="url(#colours)"/>`,
    below(across, left, wide, top + high),
    beside(down, left - 8, "end", top, high),
    beside(bar, left + wide + 34, "start", top, high),
    caption(data.text, left, height),
  ]);
}

/** The cells of a matrix; one whose number is none is left out. @param {HeatData} data @param {number} left @param {number} top @param {number} wide @param {number} high */
function cellsOf({ cells, rows, columns, block, low, high: most }, left, top, wide, high) {
  const [cellHigh, cellWide] = [(high * block[0]) / rows, (wide * block[1]) / columns];
  return cells.flatMap((row, i) => row.map((value, j) => {
    if (value === null) return "";
    const [x, y] = [j * cellWide, i * cellHigh]; // the last of them may be cut
    return `<rect x="${short(left + x)}" y="${short(top + y)}" width="${short(Math.min(cellWide, wide - x))}" height="${short(Math.min(cellHigh, high - y))}" fill="rgb(${colour(between(low, most, value)).join(" ")})"/>`;
  })).join("");
}

/** @param {Tick[]} ticks @param {number} left @param {number} wide @param {number} top */
const below = (ticks, left, wide, top) => ticks.map(({ at, text }) => `<text x="${short(left + wide * at)}" y="${top + 18}" text-anchor="middle" fill="${SOFT}">${escaped(text)}</text>`).join("");

/** @param {Tick[]} ticks @param {number} x @param {string} anchor @param {number} top @param {number} high */
const beside = (ticks, x, anchor, top, high) => ticks.map(({ at, text }) => `<text x="${x}" y="${short(top + high * (1 - at) + 4)}" text-anchor="${anchor}" fill="${SOFT}">${escaped(text)}</text>`).join("");

/** @param {string} text @param {number} left @param {number} height */
const caption = (text, left, height) => `<text x="${left}" y="${height - 14}" fill="${INK}">${escaped(text)}</text>`;

/** An SVG as a PNG, on white. @param {string} source of the SVG, an address @returns {Promise<Blob>} */
export async function asPng(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  const [width, height] = [image.naturalWidth || 800, image.naturalHeight || 600];
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: width * SHARPNESS, height: height * SHARPNESS });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("the picture cannot be drawn"))), "image/png"));
}

/** The address of a text of an SVG. @param {string} text */
export const svgAddress = (text) => `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;

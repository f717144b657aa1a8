// @ts-check
/**
 * Which rows of a long table are in sight: arithmetic alone, no page.
 *
 * All rows have one height, so a place is a division away. Browsers limit the height of an element
 * to some millions of pixels, which a million tasks exceed: past that the scroll bar is scaled, and rows
 * are set where it stands.
 */

import { clamp } from "../shared/format.js";

/** The greatest height of the rows; past it the scroll bar is scaled. */
export const MAX_HEIGHT = 8_000_000;
/** Rows asked for beyond those in sight, on either side, so that a slow scroll finds them there. */
const MARGIN = 16;

export class Viewport {
  /** @param {number} total rows in all @param {number} rowHeight @param {number} height in sight @param {number} scrollTop all but the first in pixels */
  constructor(total, rowHeight, height, scrollTop) {
    this.total = total;
    this.rowHeight = rowHeight;
    this.height = height;
    this.scrollTop = scrollTop;
    this.scaled = total * rowHeight > MAX_HEIGHT;
    /** How many rows there is room for. */
    this.rows = height / rowHeight;
    /** How far it can be scrolled: in rows, and where it is scaled in pixels. */
    this.last = Math.max(0, total - this.rows);
    this.room = Math.max(1, MAX_HEIGHT - height);
    /** The row at the top, with its fraction out of sight. */
    this.top = this.scaled ? (scrollTop / this.room) * this.last : scrollTop / rowHeight;
  }

  /** The height of all rows together, as the scroll bar has it. */
  get bodyHeight() {
    return Math.min(this.total * this.rowHeight, MAX_HEIGHT);
  }

  /** Where the scroll bar is when a row is at the top. @param {number} row */
  scrollTopFor(row) {
    return this.scaled ? (row / Math.max(1, this.last)) * this.room : row * this.rowHeight;
  }

  /** Where a row stands, in pixels from the first. @param {number} place */
  offsetOf(place) {
    return Math.round(this.scaled ? this.scrollTop + (place - this.top) * this.rowHeight : place * this.rowHeight);
  }

  /** Where the scroll bar has to be for a row to be in sight. @param {number} row */
  revealing(row) {
    if (row < this.top) return this.scrollTopFor(row);
    if (row + 1 > this.top + this.rows) return Math.ceil(this.scrollTopFor(row + 1 - this.rows));
    return this.scrollTop;
  }

  /** The first row in sight, and the one after the last. */
  get inSight() {
    const first = clamp(Math.floor(this.top), 0, Math.max(0, this.total - 1));
    return { first, end: Math.min(this.total, Math.ceil(this.top + this.rows)) };
  }

  /** The first row wholly in sight, half a pixel given, and the one after the last. */
  get whole() {
    return { first: Math.ceil(this.top - 0.5), end: Math.min(this.total, Math.ceil(this.top + this.rows - 0.5)) };
  }

  /** The window of rows to ask for. */
  get window() {
    const { first, end } = this.inSight;
    const from = Math.max(0, first - MARGIN);
    return { first: from, count: Math.max(Math.max(end, 1) - from, Math.ceil(this.rows)) + MARGIN };
  }

  /** Whether a window holds what is in sight, and some rows around it. @param {{ first: number, count: number }} window */
  isIn({ first, count }) {
    const sight = this.inSight;
    return Math.max(0, sight.first - MARGIN / 2) >= first && Math.min(this.total, sight.end + MARGIN / 2) <= first + count;
  }
}

// @ts-check
/** The keyboard's way through the table: one cell that has the focus, or would have it, and what keys do there. */

import { clamp } from "../shared/format.js";
import { columnOf } from "./columns.js";

export class Cursor {
  /** @param {import("./grid.js").Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** The cell: row -1 is the header; `id` keeps it on the same task. */
    this.at = { row: -1, col: 0, id: "" };
    this.hasFocus = false;
    grid.element.addEventListener("keydown", (event) => this.onKey(event));
    grid.element.addEventListener("focusin", (event) => this.onFocusIn(event));
    grid.element.addEventListener("focusout", () => { if (!grid.drawing) this.hasFocus = false; });
  }

  /** The element of the cell, if it is on screen. @returns {HTMLElement | undefined} */
  get cell() {
    const { row, col } = this.at;
    const { header, rows, page } = this.grid;
    const element = row < 0 ? header.row : rows.get(page.idAt(row) ?? "")?.element;
    return /** @type {HTMLElement | undefined} */ (element?.children[col]);
  }

  /** Keep one cell in the tab order, and the focus where the user left it, whatever has moved. */
  keep() {
    const { at, grid } = this;
    const { element, page, total, table } = grid;
    if (at.row >= 0) {
      const now = page.placeOf(at.id);
      at.row = now >= 0 ? now : Math.min(at.row, total - 1);
    }
    if (at.row < 0 && table.narrow && total) at.row = 0;
    at.id = page.idAt(at.row) ?? at.id;
    const { cell } = this;
    element.querySelectorAll('[tabindex="0"]').forEach((other) => other !== cell && other.removeAttribute("tabindex"));
    element.tabIndex = cell ? -1 : 0;
    if (cell) cell.tabIndex = 0;
    const { focused } = table;
    if (this.hasFocus && (!element.contains(focused) || focused === element)) this.focus();
  }

  focus() {
    (this.cell ?? this.grid.element).focus({ preventScroll: true });
  }

  /** Move to a cell, scrolling it into sight. @param {number} row @param {number} col */
  moveTo(row, col) {
    const { grid } = this;
    const least = grid.table.narrow ? 0 : -1;
    row = clamp(row, Math.min(least, grid.total - 1), grid.total - 1);
    this.at = { row, col: clamp(col, 0, grid.columns.length), id: grid.page.idAt(row) ?? "" };
    this.hasFocus = true;
    if (row >= 0) grid.reveal(row);
    grid.draw();
    this.focus();
    this.cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** @param {string} id @param {number} col */
  moveToTask(id, col) {
    const place = this.grid.page.placeOf(id);
    if (place >= 0) this.moveTo(place, col);
  }

  /** @param {FocusEvent} event */
  onFocusIn(event) {
    this.hasFocus = true;
    const target = /** @type {HTMLElement} */ (event.target);
    const cell = target.closest("[aria-colindex]");
    const row = /** @type {HTMLElement | null} */ (target.closest("[role=row]"));
    if (!cell || !row) return;
    this.at = { row: Number(row.getAttribute("aria-rowindex")) - 2, col: Number(cell.getAttribute("aria-colindex")) - 1, id: row.dataset.id ?? "" };
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const command = event.ctrlKey || event.metaKey;
    const key = command && event.key.toLowerCase() === "a" ? "a" : event.key;
    const call = this.keys(event, command)[key];
    if (!call || (key === "a" && !command) || (key === "Escape" && !this.grid.table.anySelected)) return;
    event.preventDefault();
    event.stopPropagation();
    call();
  }

  /** What each key does here. @param {KeyboardEvent} event @param {boolean} command @returns {Record<string, () => void>} */
  keys({ shiftKey: shift, altKey: alt }, command) {
    const { at: { row, col }, grid } = this;
    const { total, columns, picks, header } = grid;
    const pageful = Math.max(1, Math.floor(grid.port.rows) - 1);
    const sizing = row < 0 && alt && shift;
    return {
      ArrowDown: () => this.step(row + 1, shift),
      ArrowUp: () => this.step(row - 1, shift),
      ArrowLeft: () => (sizing ? header.widen(col, -16) : this.moveTo(row, col - 1)),
      ArrowRight: () => (sizing ? header.widen(col, 16) : this.moveTo(row, col + 1)),
      PageDown: () => this.step(row + pageful, shift),
      PageUp: () => this.step(Math.max(0, row - pageful), shift),
      Home: () => this.moveTo(command ? 0 : row, 0),
      End: () => this.moveTo(command ? total - 1 : row, columns.length),
      " ": () => this.press(() => this.choose(shift)),
      Enter: () => this.press(() => grid.table.open(this.at.id, columns[col - 1] === "code" ? "code" : "task")),
      Escape: () => picks.select("none"),
      a: () => picks.select("all"),
    };
  }

  /** Move to a row, taking the rows between along when extending. @param {number} row @param {boolean} extend */
  step(row, extend) {
    const { picks } = this.grid;
    if (extend && !picks.anchor) picks.anchor = this.at.id;
    this.moveTo(row, this.at.col);
    if (extend && this.at.id) picks.extend(this.at.id, false);
  }

  /** On a header sort, or select what is on this screen; on a row do something else. @param {() => void} onRow */
  press(onRow) {
    const { row, col, id } = this.at;
    const { picks, columns, table } = this.grid;
    const sort = columns[col - 1] && columnOf(columns[col - 1]).sort;
    if (row >= 0) {
      if (id) onRow();
    } else if (col === 0) picks.selectScreen();
    else if (sort) table.sortBy(sort);
  }

  /** @param {boolean} extend */
  choose(extend) {
    const { picks } = this.grid;
    if (extend && picks.anchor) picks.extend(this.at.id, true);
    else picks.toggle(this.at.id);
  }
}

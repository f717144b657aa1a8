// @ts-check
/** The row of headers: what the table is sorted by, how wide columns are, and whether the rows on this screen are selected. */

import { h } from "../shared/dom.js";
import { icon } from "../shared/icons.js";
import { LEAST_PX, cellClass, columnOf, sortLabel } from "./columns.js";

export class Header {
  /** @param {import("./grid.js").Grid} grid */
  constructor(grid) {
    this.grid = grid;
    this.all = h("input", { type: "checkbox", tabindex: -1, "aria-label": "Select the rows on this screen", onchange: () => grid.picks.selectScreen() });
    this.row = h("div", { role: "row", class: "tq-row tq-header", "aria-rowindex": 1 });
    this.element = h("div", { role: "rowgroup", class: "tq-head" }, this.row);
  }

  /** @param {string[]} columns */
  draw(columns) {
    const words = h("span", { class: "tq-all", "aria-hidden": "true" }, "Select these"); // where there is room for no other header
    this.row.replaceChildren(h("div", { role: "columnheader", class: "tq-cell tq-cell-select", "aria-colindex": 1 }, h("label", {}, this.all, words)),
      ...columns.map((name, i) => this.cell(name, i + 2)));
    this.showSort();
  }

  /** @param {string} name @param {number} index */
  cell(name, index) {
    const { label, sort } = columnOf(name);
    const edge = h("span", { class: "tq-edge", "aria-hidden": "true", title: "Drag to make the column wider; double-click for as wide as fits",
      onpointerdown: (/** @type {PointerEvent} */ event) => this.onDrag(event, name),
      onclick: (/** @type {Event} */ event) => event.stopPropagation(),
      ondblclick: () => this.keepWidth(name, null) });
    return h("div", { role: "columnheader", class: cellClass(name), "aria-colindex": index, "data-sort": sort,
      title: sort ? `Sort by ${sortLabel(sort)}` : null }, h("span", {}, label), sort ? icon("up") : null, edge);
  }

  /** Say what the table is sorted by. */
  showSort() {
    const { sort, descending } = this.grid.table.query;
    for (const cell of /** @type {Iterable<HTMLElement>} */ (this.row.children)) {
      if (!cell.dataset.sort) continue;
      cell.setAttribute("aria-sort", cell.dataset.sort !== sort ? "none" : descending ? "descending" : "ascending");
    }
  }

  /** Show whether the rows on this screen are selected. */
  showAll() {
    const { onScreen, picks } = this.grid;
    const chosen = onScreen.filter((id) => picks.selected.has(id)).length;
    this.all.checked = chosen > 0 && chosen === onScreen.length;
    this.all.indeterminate = chosen > 0 && chosen < onScreen.length;
  }

  // -- widths

  /** Make a column as wide as the pointer drags its edge. @param {PointerEvent} event @param {string} name */
  onDrag(event, name) {
    const edge = /** @type {HTMLElement} */ (event.target);
    const start = /** @type {HTMLElement} */ (edge.parentElement).offsetWidth - event.clientX;
    event.preventDefault();
    edge.setPointerCapture(event.pointerId);
    /** @type {number | undefined} */
    let width;
    const move = (/** @type {PointerEvent} */ to) => {
      width = Math.max(LEAST_PX, Math.round(start + to.clientX));
      this.grid.layOut({ [name]: width });
    };
    edge.addEventListener("pointermove", move);
    edge.addEventListener("lostpointercapture", () => {
      edge.removeEventListener("pointermove", move);
      if (width !== undefined) this.keepWidth(name, width);
    }, { once: true });
  }

  /** @param {string} name @param {number | null} width null for as wide as fits */
  keepWidth(name, width) {
    const { table } = this.grid;
    const { [name]: _, ...others } = table.model.get("widths");
    table.set("widths", width === null ? others : { ...others, [name]: width });
    this.grid.layOut();
  }

  /** Make the column of a header wider or narrower, by keyboard. @param {number} col @param {number} step in pixels */
  widen(col, step) {
    const name = this.grid.columns[col - 1];
    const cell = /** @type {HTMLElement | undefined} */ (this.row.children[col]);
    if (name && cell) this.keepWidth(name, Math.max(LEAST_PX, cell.offsetWidth + step));
  }
}

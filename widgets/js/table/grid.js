// @ts-check
/** The rows in sight: one element a row, keyed by the task's id, so that focus, hover and a half-done click survive every update. */

import { h, setAttr } from "../shared/dom.js";
import { shareOut } from "./columns.js";
import { Cursor } from "./cursor.js";
import { Header } from "./header.js";
import { Picks } from "./picks.js";
import { Row } from "./row.js";
import { Page } from "./tasks.js";
import { Viewport } from "./viewport.js";

/** @typedef {import("./tasks.js").Patch} Patch */

const ROW_PX = { comfortable: 40, compact: 30, narrow: 66 };
/** Rows made beyond those in sight, on either side. */
const SPARE = 4;

export class Grid {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
    this.page = new Page();
    this.total = 0;
    /** @type {string[]} */
    this.columns = [];
    /** The rows on screen, by the task's id; by the place those of which nothing is here yet. @type {Map<string, Row>} */
    this.rows = new Map();
    this.drawing = false;
    this.scheduled = 0;
    /** The window last requested. */
    this.requested = { first: 0, count: 0 };
    /** How far it is scrolled: a notebook that takes the element off the page forgets it. */
    this.scrolled = 0;
    this.picks = new Picks(this);
    this.header = new Header(this);
    this.body = h("div", { role: "rowgroup", class: "tq-body" });
    this.element = h("div", { role: "grid", class: "tq-grid", "aria-multiselectable": "true", tabindex: -1 }, this.header.element, this.body);
    this.cursor = new Cursor(this);
    this.listen();
  }

  listen() {
    const { element } = this;
    element.addEventListener("scroll", () => this.onScroll(), { passive: true });
    element.addEventListener("click", (event) => this.onClick(event));
    element.addEventListener("dblclick", (event) => this.onDoubleClick(event));
    element.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault());
  }

  /** What is in sight now. */
  get port() {
    const height = ROW_PX[this.table.narrow ? "narrow" : /** @type {"compact"} */ (this.table.model.get("density"))];
    const room = this.element.clientHeight - this.header.row.offsetHeight;
    return new Viewport(this.total, height, Math.max(0, room), this.element.scrollTop);
  }

  /** Ids of the rows wholly in sight. */
  get onScreen() {
    const { first, end } = this.port.whole;
    return Array.from({ length: Math.max(0, end - first) }, (_, i) => this.page.idAt(first + i)).filter(Boolean);
  }

  // -- columns

  /** Lay out the columns anew. @param {string[]} columns */
  setColumns(columns) {
    this.columns = columns;
    this.rows.forEach((row) => row.element.remove());
    this.rows.clear();
    this.layOut();
    setAttr(this.element, "aria-colcount", String(columns.length + 1));
    this.header.draw(columns);
    this.cursor.at.col = Math.min(this.cursor.at.col, columns.length);
    this.draw();
  }

  /** Give the columns their widths. @param {Record<string, number>} [dragged] that of a column whose edge is dragged */
  layOut(dragged = {}) {
    const { tracks, least } = shareOut(this.columns, { ...this.table.model.get("widths"), ...dragged }, [...this.page.tasks.values()]);
    this.element.style.setProperty("--tq-tracks", tracks);
    this.element.style.setProperty("--tq-least", `${least}px`);
  }

  // -- rows

  /** Take in a patch from Python. @param {Patch} patch */
  apply(patch) {
    const anchored = this.anchoredRow();
    this.page.apply(patch);
    if (patch.rows || patch.cells || patch.ids) this.layOut();
    const head = patch.head ?? {};
    if (head.total !== undefined) this.total = head.total;
    this.table.notice.show(); // before rows are drawn, whose room it takes: as high as they all are, all would be drawn
    this.picks.apply(head.selected, this.table.answered === this.table.selectionCount);
    if (head.query) this.header.showSort();
    setAttr(this.element, "aria-rowcount", String(this.total + 1));
    this.size();
    if (anchored) this.keepAnchored(anchored);
    this.draw();
  }

  size() {
    const { bodyHeight, rowHeight } = this.port;
    this.body.style.height = `${bodyHeight}px`;
    this.element.style.setProperty("--tq-row", `${rowHeight}px`);
    this.body.hidden = this.total === 0;
  }

  /**
   * The task at the top of the screen, while the order is by something that never changes and
   * the user has scrolled away from the start: new tasks above must not push it down.
   */
  anchoredRow() {
    const { scaled, scrollTop, top } = this.port;
    if (scaled || scrollTop < 1 || !["number", "created"].includes(this.table.query.sort)) return null;
    const id = this.page.idAt(Math.ceil(top));
    return id ? { id, place: Math.ceil(top) } : null;
  }

  /** @param {{ id: string, place: number }} anchored */
  keepAnchored({ id, place }) {
    const now = this.page.placeOf(id);
    if (now >= 0 && now !== place) this.element.scrollTop += (now - place) * this.port.rowHeight;
  }

  /** Put on screen what is in sight. */
  draw() {
    if (!this.element.isConnected || !this.columns.length) return;
    const { port } = this;
    const { first, end } = port.inSight;
    this.drawing = true;
    /** @type {Map<string, HTMLElement>} */
    const wanted = new Map();
    for (let place = Math.max(0, first - SPARE); place < Math.min(this.total, end + SPARE); place++) {
      const id = this.page.idAt(place);
      const key = id ?? `?${place}`;
      wanted.set(key, this.place(key, id, place, port.offsetOf(place)));
    }
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      this.rows.delete(key);
    }
    this.order([...wanted.values()]);
    this.drawing = false;
    this.cursor.keep();
    this.header.showAll();
    this.table.showRange(first, end);
    this.ask(port);
  }

  /** Show one row at its place. @param {string} key @param {string | undefined} id @param {number} place @param {number} y */
  place(key, id, place, y) {
    let row = this.rows.get(key);
    if (!row) this.rows.set(key, (row = new Row(this.columns)));
    row.element.style.transform = `translateY(${y}px)`;
    row.element.dataset.id = id ?? "";
    setAttr(row.element, "aria-rowindex", String(place + 2));
    row.show((id !== undefined && this.page.tasks.get(id)) || null);
    row.select(id !== undefined && this.picks.selected.has(id));
    setAttr(row.element, "aria-current", id !== undefined && id === this.table.model.get("opened") ? "true" : null);
    return row.element;
  }

  /** Put elements in order without moving the one that holds the focus. @param {HTMLElement[]} elements */
  order(elements) {
    const held = elements.find((element) => element.contains(this.table.focused));
    for (let i = elements.length - 1; i >= 0; i--) {
      const next = elements[i + 1] ?? null;
      if (elements[i] !== held && elements[i].nextSibling !== next) this.body.insertBefore(elements[i], next);
      else if (!elements[i].parentNode) this.body.append(elements[i]);
    }
  }

  /** Ask Python for rows that are in sight and not here. @param {Viewport} port */
  ask(port) {
    if (port.isIn(this.requested)) return;
    this.requested = port.window;
    this.table.sendWindow();
  }

  // -- scrolling

  onScroll() {
    this.scrolled = this.element.scrollTop;
    this.scheduled ||= requestAnimationFrame(() => { this.scheduled = 0; this.draw(); });
  }

  /** Scroll back to where it was before it was taken off the page. */
  restore() {
    if (this.element.scrollTop === 0 && this.scrolled > 0) this.element.scrollTop = this.scrolled;
  }

  /** Scroll a row into sight. @param {number} row */
  reveal(row) {
    const { port } = this;
    const top = port.revealing(row);
    if (top !== port.scrollTop) this.element.scrollTop = top;
  }

  // -- the mouse

  /** @param {MouseEvent} event */
  onClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const header = /** @type {HTMLElement | null} */ (target.closest("[data-sort]"));
    if (header) return this.table.sortBy(header.dataset.sort ?? "number");
    const id = rowOf(target)?.dataset.id;
    if (!id) return undefined;
    const opener = /** @type {HTMLElement | null} */ (target.closest("button[data-open]"));
    if (opener) return this.table.open(id, opener.dataset.open ?? "task");
    return this.picks.pick(id, event, target.closest(".tq-cell-select") !== null);
  }

  /** @param {MouseEvent} event */
  onDoubleClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const id = rowOf(target)?.dataset.id;
    if (id && !target.closest("button, input")) this.table.open(id, target.closest(".tq-cell-code") ? "code" : "task");
  }
}

/** The row of a task that something is in. @param {HTMLElement} element @returns {HTMLElement | null} */
const rowOf = (element) => element.closest(".tq-body > .tq-row");

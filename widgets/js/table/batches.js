// @ts-check
/**
 * The rows of batches above the tasks: a row each, which opens: it says why points failed, and the table has its points.
 *
 * Python says which there are, and how far each is (see `batches.py`).
 */

import { button } from "../shared/controls.js";
import { h, setText } from "../shared/dom.js";
import { amount, counted } from "../shared/format.js";
import { BatchRow } from "./batch_row.js";
import { asked } from "./confirm.js";

/** @typedef {import("./batch_row.js").Batch} Batch */

/** Rows that are shown at first, and how many more with each click. */
const FIRST = 5;
const MORE = 20;

export class Batches {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
    /** @type {Map<string, BatchRow>} */
    this.rows = new Map();
    /** @type {Batch[]} */
    this.batches = [];
    this.total = 0;
    this.count = FIRST;
    this.list = h("ul", { class: "tq-batch-list" });
    this.more = button("down", "Show more", { class: "tq-batch-more", onclick: () => this.showMore() });
    this.back = button("close", "Close the batch", { class: "tq-batch-gone", onclick: () => this.close() });
    this.element = h("section", { class: "tq-batches", "aria-label": "Batches", hidden: true }, this.list, this.more, this.back);
    this.element.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** The id of the batch that is open. */
  get open() {
    return this.table.query.batch;
  }

  /** Take in what Python says of them. @param {Partial<import("./tasks.js").Head>} head */
  apply({ batches, batches_total: total }) {
    this.batches = batches ?? this.batches;
    this.total = total ?? this.total;
    this.draw();
  }

  draw() {
    const shown = this.open ? this.batches.filter(({ id }) => id === this.open) : this.batches;
    const held = this.rows.get(this.heldId);
    for (const [id, row] of this.rows) {
      if (shown.some((one) => one.id === id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    shown.forEach((batch, place) => this.put(batch, place));
    this.element.hidden = !shown.length && !this.open;
    this.element.toggleAttribute("data-open", Boolean(this.open));
    this.back.hidden = !this.open || shown.length > 0;
    this.more.hidden = Boolean(this.open) || this.total <= shown.length;
    setText(/** @type {Element} */ (this.more.lastElementChild), `${amount(Math.max(0, this.total - shown.length))} older`);
    if (held && !held.element.isConnected) this.list.querySelector("button")?.focus();
  }

  /** The id of the row that has the focus. */
  get heldId() {
    return [...this.rows].find(([, row]) => row.element.contains(this.table.focused))?.[0] ?? "";
  }

  /** Show a batch at its place. @param {Batch} batch @param {number} place */
  put(batch, place) {
    let row = this.rows.get(batch.id);
    if (!row) this.rows.set(batch.id, (row = new BatchRow(this)));
    row.show(batch, batch.id === this.open);
    if (this.list.children[place] !== row.element) this.list.insertBefore(row.element, this.list.children[place] ?? null);
  }

  showMore() {
    this.count = Math.max(this.count, this.batches.length) + MORE;
    this.table.send({ type: "batches", count: this.count });
  }

  /** @param {string} id */
  toggle(id) {
    this.table.ask({ batch: id === this.open ? null : id });
  }

  close() {
    this.table.ask({ batch: null });
  }

  /** Have something done with a batch, once that is confirmed. @param {"cancel" | "resume"} action @param {Batch} batch */
  async act(action, { id, name, total, done, counts }) {
    const running = counts.RUNNING ?? 0;
    const open = counted(total - done, "point");
    const ask = { title: `Cancel ${open} of ${name}?`, verb: `Cancel ${open}`, danger: true,
      text: running ? `${amount(running)} of them ${running === 1 ? "is" : "are"} running and will be stopped. Resuming it runs them again.` : "Resuming it runs them again." };
    if (action === "cancel" && !(await asked(this.table.root, ask))) return;
    this.table.send({ type: "act_on_batch", action, id });
  }

  /** Arrows move among the rows; Escape shuts the one that is open. @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key === "Escape" && this.open) {
      event.stopPropagation();
      this.close();
    }
    const buttons = [...this.list.querySelectorAll(".tq-batch-row")];
    const place = buttons.indexOf(/** @type {Element} */ (this.table.focused));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (place < 0 || !step) return;
    event.preventDefault();
    event.stopPropagation();
    /** @type {HTMLElement | undefined} */ (buttons[place + step])?.focus();
  }
}

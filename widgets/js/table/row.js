// @ts-check
/** One row on screen: its element, its cells, and the task that they show. */

import { h, setAttr } from "../shared/dom.js";
import { cellClass, columnOf } from "./columns.js";

/** Columns that change with the time alone. */
const TICKING = ["created", "seconds", "progress"];

export class Row {
  /** @param {string[]} columns */
  constructor(columns) {
    /** @type {import("./tasks.js").Task | null} */
    this.task = null;
    this.box = h("input", { type: "checkbox", tabindex: -1 });
    this.element = h("div", { role: "row", class: "tq-row" }, h("div", { role: "gridcell", class: "tq-cell tq-cell-select", "aria-colindex": 1 }, this.box));
    /** @type {Record<string, import("./columns.js").Show>} */
    this.shows = {};
    columns.forEach((name, i) => this.addCell(name, i + 2));
  }

  /** @param {string} name @param {number} index */
  addCell(name, index) {
    const cell = h("div", { role: "gridcell", class: cellClass(name), "aria-colindex": index });
    this.shows[name] = columnOf(name).fill(cell);
    this.element.append(cell);
  }

  /** @param {import("./tasks.js").Task | null} task */
  show(task) {
    if (task === this.task) return;
    this.task = task;
    this.element.classList.toggle("tq-pending", task === null);
    this.element.dataset.status = task?.status ?? "";
    if (!task) return;
    for (const show of Object.values(this.shows)) show(task);
    setAttr(this.box, "aria-label", `Select task ${task.number}, ${task.name}`);
  }

  /** Show the time that has passed since. */
  tick() {
    if (this.task) for (const name of TICKING) this.shows[name]?.(this.task);
  }

  /** @param {boolean} on */
  select(on) {
    this.box.checked = on;
    this.element.setAttribute("aria-selected", String(on));
  }
}

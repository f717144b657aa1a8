// @ts-check
/** What stands in the place of rows: loading, empty, nothing found, error. */

import { button, notice } from "../shared/controls.js";
import { h } from "../shared/dom.js";
import { counted } from "../shared/format.js";

export class Notice {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
    this.element = h("div", { class: "tq-notice" });
    this.shown = "";
  }

  /** @returns {"" | "loading" | "error" | "none" | "points" | "unmade" | "empty"} what is to be said; empty where there are rows */
  get kind() {
    const state = this.table.model.get("state");
    if (state !== "ready") return state;
    if (this.table.grid.total) return "";
    const { text, statuses, after, before, within_s, batch, owner } = this.table.query;
    const filtered = text.trim() || statuses.length || owner || [after, before, within_s].some((bound) => bound !== null);
    if (batch && !filtered) return "unmade";
    if (!owner && !this.table.all && !this.table.batches.total) return "empty";
    return filtered ? "none" : "points";
  }

  show() {
    const { kind } = this;
    const key = kind + (kind === "error" ? this.table.model.get("message") : "");
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = kind === "";
    this.element.dataset.kind = kind;
    this.element.replaceChildren(...(kind ? this[kind]() : []));
    this.table.root.dataset.notice = kind;
  }

  loading() {
    const bars = Array.from({ length: 6 }, () => h("div", { class: "tq-skeleton" }, h("i"), h("i"), h("i"), h("i")));
    return [h("p", { class: "tq-visually-hidden", role: "status" }, "Loading the tasks"), ...bars];
  }

  error() {
    return notice("away", "The tasks cannot be shown", h("p", { role: "alert" }, this.table.model.get("message")),
      button("", "Try again", { onclick: () => this.table.send({ type: "action", action: "reload" }) }));
  }

  none() {
    return notice("search", "No task matches", h("p", {}, this.nothingFits),
      button("", "Clear the filter", { onclick: () => this.table.clearFilter() }));
  }

  get nothingFits() {
    const { all, query } = this.table;
    if (query.owner && !all) return "None of the tasks is yours.";
    return `None of ${query.owner ? "your" : "the"} ${counted(all, "task")} fits this filter.`;
  }

  points() {
    return notice("empty", "Every task is a point of a batch", h("p", {}, "Open a batch to see its points."));
  }

  unmade() {
    return notice("empty", "No points yet", h("p", {}, "They appear here as workers come to them."));
  }

  empty() {
    return notice("empty", "No tasks yet", h("p", {}, "A task appears here as soon as it is submitted."));
  }
}

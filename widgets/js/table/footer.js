// @ts-check
/** The bar below the rows: what is in sight, what is selected, and what can be done with it. */

import { button } from "../shared/controls.js";
import { h, setText } from "../shared/dom.js";
import { amount } from "../shared/format.js";

/** @typedef {"cancel" | "retry" | "delete" | "copy" | "csv"} Action */

export class Footer {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
    this.range = h("span", { class: "tq-range" });
    this.count = h("strong", { class: "tq-chosen-count" });
    this.hidden = h("span", { class: "tq-chosen-hidden" });
    const action = (/** @type {Action} */ name, /** @type {string} */ label) =>
      button(name, label, { "data-action": name, title: label, onclick: () => table.act(name) });
    this.buttons = { cancel: action("cancel", "Cancel"), retry: action("retry", "Retry"), delete: action("delete", "Delete"),
      copy: action("copy", "Copy id"), csv: action("csv", "Export CSV") };
    const clear = button("close", "Clear the selection", { class: "tq-bare", onclick: () => table.select("none") });
    this.chosen = h("div", { class: "tq-chosen", role: "toolbar", "aria-label": "Selected tasks", hidden: true },
      clear, this.count, this.hidden, ...Object.values(this.buttons));
    this.element = h("div", { class: "tq-footer" }, this.chosen, this.range);
    this.offer = h("div", { class: "tq-offer", hidden: true });
  }

  /** @param {import("./tasks.js").Selection} selection */
  show([count, cancellable, , hidden, finished]) {
    const { cancel, retry, delete: remove, copy } = this.buttons;
    for (const one of [cancel, retry, remove]) one.hidden = !this.table.model.get("may_change");
    this.chosen.hidden = count === 0;
    setText(this.count, `${amount(count)} selected`);
    setText(this.hidden, hidden ? `${hidden < 0 ? "some may be" : amount(hidden)} not in this view` : "");
    this.hidden.hidden = !hidden;
    cancel.disabled = cancellable === 0;
    retry.disabled = cancellable === count;
    retry.title = finished && finished === count - cancellable ? "Run again" : "Retry";
    setText(/** @type {Element} */ (retry.lastElementChild), retry.title);
    setText(/** @type {Element} */ (copy.lastElementChild), count === 1 ? "Copy id" : "Copy ids");
  }

  /** Offer to select all that match once all on this screen are. */
  showOffer() {
    const { grid, selection } = this.table;
    const ids = grid.onScreen;
    const screenful = ids.length > 1 && ids.every((id) => grid.picks.selected.has(id));
    this.offer.hidden = !screenful || grid.total <= ids.length;
    if (this.offer.hidden) return;
    const inView = selection[3] < 0 ? 0 : selection[0] - selection[3];
    const all = inView >= grid.total;
    const text = all ? `All ${amount(grid.total)} tasks that match are selected.` : `The ${amount(ids.length)} rows on this screen are selected.`;
    if (this.offer.dataset.text === `${text}${grid.total}`) return;
    this.offer.dataset.text = `${text}${grid.total}`;
    const held = this.offer.contains(this.table.focused);
    const link = h("button", { type: "button", class: "tq-link", onclick: () => this.table.select(all ? "none" : "all") },
      all ? "Clear the selection" : `Select all ${amount(grid.total)} that match`);
    this.offer.replaceChildren(h("span", {}, text), link);
    if (held) link.focus();
  }

  /** @param {number} first @param {number} end @param {number} total @param {number} all */
  showRange(first, end, total, all) {
    const rows = total ? `${amount(first + 1)}–${amount(end)} of ${amount(total)}` : "";
    setText(this.range, total < all && total ? `${rows} (${amount(all)} in all)` : rows);
  }
}

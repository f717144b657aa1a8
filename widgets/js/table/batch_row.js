// @ts-check
/** One batch: its row, and below it, while it is open, what can be done with it and why points failed. */

import { STATUSES, button, statusChip } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { amount, counted } from "../shared/format.js";
import { icon } from "../shared/icons.js";
import { ShareView } from "../shared/share.js";

/**
 * @typedef {{ id: string, name: string, total: number, done: number, counts: Record<string, number>, left: string,
 *   failures: [count: number, cause: string, example: number][], causes: number }} Batch
 */

/** The statuses as they stand in a bar. */
const DONE_FIRST = ["FINISHED", "FAILED", "CANCELLED", "RUNNING", "QUEUEING"];

/** How many points have a status, in words. @param {Batch} batch @param {string} status */
const counting = ({ counts }, status) => `${amount(counts[status])} ${STATUSES[status].toLowerCase()}`;

/** @param {[number, string, number]} failure */
const cause = ([count, text]) => `${amount(count)} × ${text}`;

export class BatchRow {
  /** @param {import("./batches.js").Batches} batches */
  constructor(batches) {
    this.batches = batches;
    /** @type {Batch | null} */
    this.batch = null;
    this.shown = "";
    const part = (/** @type {string} */ name) => h("span", { class: `tq-batch-${name}` });
    this.name = part("name");
    this.bar = h("span", { class: "tq-batch-bar" });
    /** What the bar shows. */
    this.said = h("span", { class: "tq-visually-hidden" });
    this.done = part("done");
    this.left = part("left");
    this.cause = part("cause");
    this.row = h("button", { type: "button", class: "tq-batch-row", onclick: () => this.batch && batches.toggle(this.batch.id) },
      icon("open"), this.name, this.said, this.bar, this.done, this.left, this.cause);
    this.counts = h("div", { class: "tq-batch-counts" });
    const act = (/** @type {"cancel" | "resume"} */ action) => () => this.batch && batches.act(action, this.batch);
    this.cancel = button("cancel", "Cancel", { onclick: act("cancel") });
    this.resume = button("retry", "Resume", { onclick: act("resume") });
    const { table } = batches;
    this.share = new ShareView(table.root, (content) => table.send(content), (text) => table.toast.say(text, "error"), "batch");
    this.causes = h("table", { class: "tq-causes" });
    this.body = h("div", { class: "tq-batch-body" },
      h("div", { class: "tq-batch-tools" }, this.counts, this.cancel, this.resume, this.share.button), this.share.element, this.causes);
    this.element = h("li", { class: "tq-batch" }, this.row, this.body);
  }

  /** @param {Batch} batch @param {boolean} open */
  show(batch, open) {
    const mayChange = this.batches.table.model.get("may_change");
    const shown = JSON.stringify([batch, open, mayChange]);
    if (shown === this.shown) return;
    for (const one of [this.cancel, this.resume, this.share.button]) one.hidden = !mayChange;
    this.shown = shown;
    this.batch = batch;
    this.share.show(batch.id);
    const { name, total, done, left, failures } = batch;
    setAttr(this.row, "aria-expanded", String(open));
    setText(this.name, name);
    setAttr(this.name, "title", name);
    setText(this.done, `${total ? Math.floor((100 * done) / total) : 100} % of ${amount(total)} `);
    setText(this.left, left && `${left} left `);
    setText(this.cause, failures.length ? cause(failures[0]) : "");
    setAttr(this.cause, "title", failures.length ? cause(failures[0]) : null);
    this.showBar(batch);
    this.body.hidden = !open;
    if (open) this.showBody(batch);
  }

  /** @param {Batch} batch */
  showBar(batch) {
    const { total, counts } = batch;
    setText(this.said, ` (${DONE_FIRST.filter((status) => batch.counts[status]).map((status) => counting(batch, status)).join(", ")}) `);
    this.bar.replaceChildren(...DONE_FIRST.filter((status) => counts[status])
      .map((status) => h("i", { "data-status": status, style: `flex-grow:${counts[status] / Math.max(1, total)}`, title: counting(batch, status) })));
  }

  /** @param {Batch} batch */
  showBody({ total, done, counts, failures, causes }) {
    this.counts.replaceChildren(...Object.keys(STATUSES).filter((status) => counts[status])
      .map((status) => h("span", { class: "tq-batch-count" }, statusChip(status), h("b", {}, amount(counts[status])))));
    this.cancel.disabled = done >= total;
    this.resume.disabled = !counts.FAILED && !counts.CANCELLED && done - (counts.FINISHED ?? 0) <= 0;
    this.causes.hidden = !failures.length;
    const held = this.causes.contains(this.batches.table.focused) ? /** @type {HTMLElement} */ (this.batches.table.focused).dataset.example : null;
    const example = (/** @type {number} */ number) => h("button", { type: "button", class: "tq-link", "data-example": number,
      onclick: () => this.batches.table.open(String(number), "task") }, `Task ${number}`);
    const head = h("tr", {}, ...["Points", "Why they failed", "Example"].map((text) => h("th", { scope: "col" }, text)));
    const rows = failures.map(([count, text, number]) => h("tr", {}, h("td", {}, amount(count)), h("td", { title: text }, text), h("td", {}, example(number))));
    const others = causes > failures.length ? [h("tr", {}, h("td", { colspan: 3 }, `and ${counted(causes - failures.length, "further cause")}`))] : [];
    this.causes.replaceChildren(h("thead", {}, head), h("tbody", {}, ...rows, ...others));
    if (held) /** @type {HTMLElement | null} */ (this.causes.querySelector(`[data-example="${held}"]`))?.focus();
  }
}

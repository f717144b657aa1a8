// @ts-check
/**
 * The table of tasks in the browser.
 *
 * The service filters and sorts, Python formats; here a window of rows is shown. What the user
 * does goes to Python as a message, and comes back as a patch (see `view.py` for the messages).
 */

import { copyText } from "../shared/clipboard.js";
import { toast } from "../shared/controls.js";
import { Display } from "../shared/display.js";
import { h, setText } from "../shared/dom.js";
import { amount, counted } from "../shared/format.js";
import { icon } from "../shared/icons.js";
import { saveAs } from "../shared/save.js";
import { Batches } from "./batches.js";
import { CARD, COLUMNS, fitting, isArgument, sortLabel } from "./columns.js";
import { confirmed, isConfirmed } from "./confirm.js";
import { Footer } from "./footer.js";
import { Grid } from "./grid.js";
import { Notice } from "./notice.js";
import { Toolbar } from "./toolbar.js";

/**
 * @typedef {import("../shared/display.js").Model} Model
 * @typedef {import("./tasks.js").Query} Query
 * @typedef {import("./tasks.js").Patch} Patch
 */

/** A query that takes longer than this to be answered is shown as waiting. */
const PATIENCE_MS = 250;
/** Scrolling asks for rows so often at most. */
const WINDOW_MS = 40;
/** Below these widths a row is a card, and the bar above has two lines. */
const NARROW_PX = 600;
const MEDIUM_PX = 1000;
/** Orders that begin with what is newest. */
const NEWEST_FIRST = ["number", "created", "started", "finished"];

/** One display of the widget. */
export class Table extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("div", { class: "tq tq-card tq-table" }));
    this.queryCount = 0;
    /** How often the user has changed the selection, and which of these changes Python has answered. */
    this.selectionCount = 0;
    this.answered = 0;
    /** What waits for Python to have heard of all that was selected. @type {(() => void)[]} */
    this.waiting = [];
    this.all = 0;
    /** @type {Query} */
    this.query = { text: "", statuses: [], after: null, before: null, within_s: null, batch: null, points: null, owner: null, sort: "number", descending: true };
    /** @type {import("./tasks.js").Selection} */
    this.selection = [0, 0, 0, 0, 0];
    this.narrow = false;
    this.opened = false;
    this.windowTimer = 0;
    /** What a screen reader hears before the number of tasks when a query is answered. */
    this.said = "";
    this.grid = new Grid(this);
    this.toolbar = new Toolbar(this);
    this.batches = new Batches(this);
    this.footer = new Footer(this);
    this.notice = new Notice(this);
    this.banner = h("div", { class: "tq-banner", role: "status", hidden: true }, icon("away"), h("span", {}));
    this.live = h("div", { class: "tq-visually-hidden", role: "status" });
    const frame = h("div", { class: "tq-frame" }, this.grid.element, this.notice.element);
    this.root.append(this.toolbar.element, this.toolbar.taken, this.toolbar.created.between, this.banner, this.batches.element, frame, this.footer.offer, this.footer.element, this.live);
    this.toast = toast(this.root);
    this.follow();
  }

  follow() {
    this.onMessage((message, buffers) => this.receive(message, buffers));
    this.on(["state", "message", "away", "height", "label", "chips"], () => this.showTraits());
    this.on(["density", "columns"], () => this.onResize());
    this.on(["widths"], () => this.grid.layOut());
    this.on(["opened"], () => this.grid.draw());
    this.on(["may_change"], () => {
      this.footer.show(this.selection);
      this.batches.draw();
    });
    this.on(["me"], () => { this.toolbar.mine.hidden = this.model.get("me") === ""; });
    const sizes = new ResizeObserver(() => this.onResize());
    sizes.observe(this.root);
    sizes.observe(this.grid.element);
    const ticks = setInterval(() => this.tick(), 1000);
    this.ends.push(() => {
      sizes.disconnect();
      clearInterval(ticks);
      clearTimeout(this.patience);
      this.toast.close();
    });
  }

  // -- to Python

  /** Open this display in Python, with the query it had before if it had one. */
  open_() {
    const first = !this.opened;
    this.opened = true;
    this.grid.requested = this.grid.port.window;
    this.send({ type: "open", ...this.grid.requested, query_count: this.queryCount, selection_count: this.selectionCount, query: first ? null : this.query });
  }

  /** What could not be sent while the kernel was lost, such as the rows in sight, goes out now. */
  onLink() {
    if (this.opened && !this.link.lost) this.open_();
  }

  beat() {
    if (this.opened) super.beat();
  }

  heartbeat() {
    return { type: "alive", selection_count: this.selectionCount };
  }

  onSight() {
    this.grid.restore();
  }

  sendWindow() {
    if (!this.opened || this.windowTimer) return;
    this.windowTimer = window.setTimeout(() => {
      this.windowTimer = 0;
      this.send({ type: "window", ...this.grid.requested });
    }, WINDOW_MS);
  }

  /** Ask for a changed query, with what has just been typed. @param {Partial<Query>} changes */
  ask(changes) {
    this.query = { ...this.query, ...this.toolbar.takeTyped(), ...changes };
    this.queryCount += 1;
    this.said = "";
    this.grid.element.scrollTop = 0;
    this.grid.requested = this.grid.port.window;
    this.send({ type: "query", query: this.query, query_count: this.queryCount, count: this.grid.requested.count });
    clearTimeout(this.patience);
    this.patience = window.setTimeout(() => this.root.toggleAttribute("data-waiting", true), PATIENCE_MS);
    this.toolbar.show({ query: this.query });
    if ("batch" in changes) this.batches.draw();
    this.grid.header.showSort();
  }

  /** Ask for everything; of a batch that is open for all points. */
  clearFilter() {
    this.toolbar.clear();
    this.ask({ text: "", statuses: [], after: null, before: null, within_s: null, owner: null });
    this.toolbar.search.focus();
  }

  /** @param {string} sort */
  sortBy(sort) {
    this.ask({ sort, descending: sort === this.query.sort ? !this.query.descending : NEWEST_FIRST.includes(sort) });
    this.said = `Sorted by ${sortLabel(sort)}, ${this.query.descending ? "descending" : "ascending"}: `;
  }

  /** @param {"all" | "none"} op */
  select(op) {
    this.grid.picks.select(op);
  }

  /** @param {string} op @param {string[]} ids @param {boolean} keep */
  onPicked(op, ids, keep) {
    this.selectionCount += 1;
    this.send({ type: "select", op, ids, keep, selection_count: this.selectionCount });
  }

  /** Whether any task is selected, in sight or not. */
  get anySelected() {
    return this.selection[0] > 0 || this.grid.picks.selected.size > 0;
  }

  /** @param {string} id @param {string} part */
  open(id, part) {
    this.send({ type: "open_task", id, part });
  }

  /** @param {import("./footer.js").Action} action */
  async act(action) {
    await this.settled(); // what is confirmed must be what Python will act on
    if (isConfirmed(action) && !(await confirmed(this.root, action, this.selection))) return;
    this.send({ type: "action", action });
  }

  /** Resolves when Python has taken in all that was selected, and said what that is. @returns {Promise<void>} */
  settled() {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.settle();
    });
  }

  settle() {
    if (this.answered === this.selectionCount) this.waiting.splice(0).forEach((resolve) => resolve());
  }

  // -- from Python

  /** @param {any} message @param {DataView[]} buffers */
  receive(message, buffers) {
    if (message.type === "patch") this.apply(message);
    else if (message.type === "reopen") this.open_();
    else if (message.type === "ids") this.copy(message.ids);
    else if (message.type === "csv") this.download(buffers[0], message.count);
    else if (message.type === "shared") this.batches.rows.get(message.of)?.share.receive(message);
    else if (message.type === "say") this.toast.say(message.text, message.kind);
  }

  /** @param {Patch} patch */
  apply(patch) {
    const head = patch.head ?? {};
    if ((head.query_count ?? this.queryCount) < this.queryCount) delete head.query; // the user has asked for another since
    this.all = head.all ?? this.all;
    this.selection = head.selection ?? this.selection;
    this.answered = head.selection_count ?? this.answered;
    this.query = head.query ?? this.query;
    this.toolbar.show(head);
    this.batches.apply(head);
    this.grid.apply(patch);
    if (patch.rows) this.toolbar.showOrder(this.query);
    if (head.query_count && head.query_count === this.queryCount) this.onAnswer();
    if (head.selection) this.footer.show(this.selection);
    this.settle();
    this.footer.showOffer();
  }

  onAnswer() {
    clearTimeout(this.patience);
    this.root.toggleAttribute("data-waiting", false);
    setText(this.live, `${this.said}${counted(this.grid.total, "task")}`);
  }

  /** @param {string[]} ids */
  async copy(ids) {
    await copyText(this.root, ids.join("\n"));
    this.toast.say(`${counted(ids.length, "id")} copied`, "info");
  }

  /** @param {DataView} content @param {number} count */
  download(content, count) {
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "");
    saveAs(new Blob([/** @type {any} */ (content)], { type: "text/csv" }), `tasks-${stamp}.csv`);
    this.toast.say(`${counted(count, "task")} exported`, "info");
  }

  // -- showing

  showTraits() {
    const { model } = this;
    this.root.style.maxHeight = model.get("height");
    this.grid.element.setAttribute("aria-label", model.get("label"));
    this.toolbar.chips.hidden = !model.get("chips");
    this.banner.hidden = model.get("away") === "";
    setText(/** @type {Element} */ (this.banner.lastElementChild), model.get("away"));
    this.notice.show();
    this.grid.draw(); // the rows have their room again, which nothing tells on a page that nobody looks at
  }

  onResize() {
    const width = this.root.clientWidth;
    if (!width) return; // not laid out: hidden, or in a tab in the background
    this.narrow = width < NARROW_PX;
    this.root.dataset.size = this.narrow ? "narrow" : width < MEDIUM_PX ? "medium" : "wide";
    this.root.dataset.density = this.model.get("density");
    const chosen = this.model.get("columns").filter((/** @type {string} */ name) => name in COLUMNS || isArgument(name));
    const columns = this.narrow ? CARD : chosen.length ? chosen : fitting(width - 2);
    this.toolbar.showDensity();
    this.grid.size();
    if (columns.join() !== this.grid.columns.join()) this.grid.setColumns(columns);
    else this.grid.draw();
    this.toolbar.menu.refresh();
    if (!this.opened) this.open_();
  }

  /** @param {number} first @param {number} end */
  showRange(first, end) {
    this.footer.showRange(first, end, this.grid.total, this.all);
    this.footer.showOffer();
  }

  tick() {
    if (this.seen && !this.link.lost && document.visibilityState === "visible") this.grid.rows.forEach((row) => row.tick());
  }
}

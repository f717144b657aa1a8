// @ts-check
/** The bar above the rows: filter, status chips, time, order, columns and density. */

import { STATUSES, button, countChip, dropDown } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { amount } from "../shared/format.js";
import { icon } from "../shared/icons.js";
import { debounce } from "../shared/timing.js";
import { COLUMNS, argumentColumns, columnOf, isArgument } from "./columns.js";
import { CreatedFilter } from "./created.js";
import { Menu } from "./menu.js";

/** @typedef {import("./tasks.js").Query} Query */

/** So long after the last key what was typed is asked for. */
const TYPING_MS = 120;
const HELP = "Part of a name or of code, or a number. Conditions on arguments: n=200, beta>0.5, method=euler; all of them have to hold. What stands in quotes is looked for as text.";

export class Toolbar {
  /** @param {import("./table.js").Table} table */
  constructor(table) {
    this.table = table;
    this.search = h("input", { type: "search", class: "tq-input", placeholder: "Name, code, number or n=200",
      "aria-label": "Filter tasks by name, code, number or arguments such as n=200", title: HELP, spellcheck: "false", autocomplete: "off" });
    /** What the text was taken for, where it is not text alone. */
    this.taken = h("div", { class: "tq-taken", role: "status", hidden: true });
    /** Whether text has been typed that was not asked for yet. */
    this.typing = false;
    const settled = debounce(() => { if (this.typing) table.ask({}); }, TYPING_MS);
    this.search.addEventListener("input", () => { this.typing = true; settled(); });
    this.search.addEventListener("keydown", (event) => this.onSearchKey(event));
    this.chips = h("div", { class: "tq-chips", role: "group", "aria-label": "Filter by status" },
      ...Object.keys(STATUSES).map((status) => countChip(status, () => this.toggleStatus(status))));
    /** Those of whoever looks; shown once it is known who that is. */
    this.mine = h("button", { type: "button", class: "tq-chip tq-mine", "aria-pressed": "false", hidden: true,
      onclick: () => table.ask({ owner: table.query.owner ? null : table.model.get("me") }) }, "Only mine");
    /** The orders that can be chosen, as they were offered last. */
    this.offered = "";
    this.created = new CreatedFilter((span) => table.ask(span));
    this.order = this.orderSelect();
    this.menu = new Menu("Columns", "columns", () => this.columnItems());
    this.density = button("", "Density", { class: "tq-bare tq-density", onclick: () => table.set("density", this.otherDensity) });
    this.element = h("div", { class: "tq-toolbar" },
      h("div", { class: "tq-search" }, icon("search"), this.search), this.chips,
      h("div", { class: "tq-tools" }, this.mine, this.created.element, dropDown(this.order, "tq-sort"), this.menu.element, this.density));
  }

  /** @param {KeyboardEvent} event */
  onSearchKey(event) {
    const { grid } = this.table;
    if (event.key === "ArrowDown" && grid.total) {
      event.preventDefault();
      grid.cursor.moveTo(0, Math.min(2, grid.columns.length));
    } else if (event.key === "Escape" && this.search.value) {
      event.stopPropagation();
      this.search.value = "";
      this.table.ask({ text: "" });
    }
  }

  /** What has been typed and not been asked for yet. @returns {Partial<Query>} */
  takeTyped() {
    const typed = this.typing ? { text: this.search.value } : {};
    this.typing = false;
    return typed;
  }

  /** @param {string} status */
  toggleStatus(status) {
    const chosen = new Set(this.table.query.statuses);
    if (!chosen.delete(status)) chosen.add(status);
    this.table.ask({ statuses: Object.keys(STATUSES).filter((name) => chosen.has(name)) });
  }

  clear() {
    this.search.value = "";
    this.created.clear();
  }

  /** Sorting without headers, where there is no room for columns. */
  orderSelect() {
    const select = h("select", { class: "tq-input", "aria-label": "Sort by" });
    select.addEventListener("change", () => {
      const [sort, way] = select.value.split(" ");
      this.table.ask({ sort, descending: way === "down" });
    });
    return select;
  }

  /** Show the order, among those that there are: by columns, and by arguments of the tasks here. @param {Query} query */
  showOrder({ sort: used, descending }) {
    const given = new Set([...argumentColumns(this.table.grid.page.tasks.values()), ...(isArgument(used) ? [used] : [])]);
    const columns = [...Object.values(COLUMNS), ...[...given].map(columnOf)];
    const options = columns.flatMap(({ sort, label }) => (sort ? ["down", "up"] : [])
      .map((way) => /** @type {const} */ ([`${sort} ${way}`, `Sort: ${label} ${way === "down" ? "↓" : "↑"}`])));
    const key = options.join();
    if (key !== this.offered) this.order.replaceChildren(...options.map(([value, text]) => h("option", { value }, text)));
    this.offered = key;
    this.order.value = `${used} ${descending ? "down" : "up"}`;
  }

  /** What the columns menu holds: a choice of its own, the fixed columns, those of the arguments. */
  columnItems() {
    const { table } = this;
    const { columns, page } = table.grid;
    const auto = table.model.get("columns").length === 0;
    const given = [...new Set([...argumentColumns(page.tasks.values()), ...columns.filter(isArgument)])];
    const all = [...Object.keys(COLUMNS), ...given];
    const item = (/** @type {string} */ name) => ({
      label: isArgument(name) ? `Argument ${columnOf(name).label}` : columnOf(name).label,
      checked: columns.includes(name),
      call: () => table.set("columns", all.filter((column) => (column === name) !== columns.includes(column))),
    });
    const fit = { label: "As many as fit", checked: auto, call: () => table.set("columns", auto ? [...columns] : []) };
    return [[fit], Object.keys(COLUMNS).map(item), given.map(item)];
  }

  get otherDensity() {
    return this.table.model.get("density") === "compact" ? "comfortable" : "compact";
  }

  showDensity() {
    const other = this.otherDensity;
    this.density.replaceChildren(icon(other));
    for (const name of ["title", "aria-label"]) this.density.setAttribute(name, `${other === "compact" ? "Compact" : "Comfortable"} rows`);
  }

  /** @param {Partial<import("./tasks.js").Head>} head */
  show({ counts, query, taken }) {
    if (taken !== undefined) {
      this.taken.hidden = taken === "";
      setText(this.taken, taken);
    }
    for (const chip of /** @type {Iterable<HTMLElement>} */ (this.chips.children)) {
      const status = /** @type {string} */ (chip.dataset.status);
      if (counts) setText(/** @type {Element} */ (chip.lastElementChild), amount(counts[status] ?? 0));
      if (query) chip.setAttribute("aria-pressed", String(query.statuses.includes(status)));
    }
    if (!query) return;
    if (this.table.focused !== this.search && !this.typing) this.search.value = query.text;
    setAttr(this.mine, "aria-pressed", String(Boolean(query.owner)));
    this.created.show(query);
    this.showOrder(query);
  }
}

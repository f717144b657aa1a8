// @ts-check
/**
 * What is selected as the user sees it: what Python said last, with what it has not heard yet.
 *
 * Nothing waits for the kernel: a click shows at once, on the rows that are here, while Python
 * does the same over the whole set. Its answer counts once it has heard of all that was picked.
 */

export class Picks {
  /** @param {import("./grid.js").Grid} grid */
  constructor(grid) {
    this.grid = grid;
    /** @type {Set<string>} */
    this.selected = new Set();
    /** What Python said last. @type {string[]} */
    this.told = [];
    /** The task that a range begins at. */
    this.anchor = "";
  }

  /** Take in what Python says. @param {string[] | undefined} selected @param {boolean} current whether it has heard of everything */
  apply(selected, current) {
    if (selected) this.told = selected;
    if (current) this.selected = new Set(this.told);
  }

  /**
   * Select at once what of it is here, and tell Python.
   * @param {string} op @param {string[]} [ids] @param {boolean} [keep] whether a range adds to what is selected
   */
  select(op, ids = [], keep = false) {
    const { selected, grid } = this;
    if (op === "none") this.anchor = "";
    if (op === "none" || op === "only" || (op === "range" && !keep)) selected.clear();
    if (op === "all") grid.page.ids.forEach((id) => selected.add(id));
    if (op === "add" || op === "only") ids.forEach((id) => selected.add(id));
    if (op === "range") this.between(ids).forEach((id) => selected.add(id));
    if (op === "remove") ids.forEach((id) => selected.delete(id));
    for (const [key, row] of grid.rows) row.select(selected.has(key));
    grid.header.showAll();
    grid.table.onPicked(op, ids, keep);
  }

  /** The ids from one to the other, as far as they are here. @param {string[]} ends */
  between(ends) {
    const { ids } = this.grid.page;
    const places = ends.map((id) => ids.indexOf(id)).filter((place) => place >= 0);
    return places.length ? ids.slice(Math.min(...places), Math.max(...places) + 1) : [];
  }

  /** @param {string} id */
  toggle(id) {
    this.anchor = id;
    this.select(this.selected.has(id) ? "remove" : "add", [id]);
  }

  /** Take along what lies between the anchor and a row. @param {string} id @param {boolean} keep */
  extend(id, keep) {
    this.select("range", [this.anchor, id], keep);
  }

  selectScreen() {
    const ids = this.grid.onScreen;
    const all = ids.length > 0 && ids.every((id) => this.selected.has(id));
    this.select(all ? "none" : "add", all ? [] : ids);
  }

  /**
   * Select as file managers do: a click selects one, with Ctrl it adds or takes away, with
   * Shift it extends. A check box always adds or takes away.
   * @param {string} id @param {MouseEvent} event @param {boolean} box
   */
  pick(id, event, box) {
    if (window.getSelection()?.toString()) return;
    const { grid } = this;
    const adds = event.ctrlKey || event.metaKey || box || grid.table.narrow;
    if (event.shiftKey && this.anchor) {
      if (box) grid.draw(); // the box has toggled by itself: back to what is selected
      this.extend(id, adds);
    } else if (adds) this.toggle(id);
    else {
      this.anchor = id;
      this.select("only", [id]);
    }
    grid.cursor.moveToTask(id, box ? 0 : grid.cursor.at.col);
  }
}

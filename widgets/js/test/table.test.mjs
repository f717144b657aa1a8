/** When the rows of the table are drawn. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { Table } from "../table/table.js";
import { Grid } from "../table/grid.js";
import { Notice } from "../table/notice.js";

/** An element without a page: it keeps what is set, and does nothing. */
class Element {
  dataset = {};
  style = { setProperty() {} };
  append() {}
  replaceChildren() {}
  setAttribute() {}
  getAttribute() { return null; }
  addEventListener() {}
}

globalThis.document = { createElement: () => new Element(), createElementNS: () => new Element() };

const QUERY = { text: "ising", statuses: [], after: null, before: null, within_s: null, batch: null, points: null, owner: null, sort: "number", descending: true };
const part = { show() {}, showOrder() {}, showOffer() {}, apply() {}, toggleAttribute() {}, total: 0 };

/** A table without a page: `drawn` has what stood in the place of its rows each time that these were drawn. */
function table(traits) {
  const made = Object.assign(Object.create(Table.prototype), {
    model: { get: (name) => traits[name] ?? "" }, root: new Element(), query: QUERY, all: 500, waiting: [], selectionCount: 0, answered: 0,
    toolbar: { ...part, chips: {} }, batches: part, footer: part, banner: { lastElementChild: new Element() }, live: new Element(), drawn: [],
  });
  made.grid = new Grid(made);
  made.notice = new Notice(made);
  made.grid.draw = () => made.drawn.push(made.root.dataset.notice);
  return made;
}

test("rows that come back in the place of a notice are drawn when that is gone: beside it they have no height, or all", () => {
  const one = table({ state: "ready" });
  one.apply({ head: { total: 0 } });
  one.apply({ head: { total: 500 } });
  assert.deepEqual(one.drawn, ["none", ""]);
});

test("rows are drawn again when an error no longer stands in their place", () => {
  const traits = { state: "error" };
  const one = table(traits);
  one.grid.total = 500;
  one.showTraits();
  traits.state = "ready";
  one.showTraits();
  assert.deepEqual(one.drawn, ["error", ""]);
});

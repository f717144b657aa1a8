/** How curves are drawn. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { inWords, paths } from "../recipe/chart.js";

const at = (x, y) => `${x} ${y}`;

test("a line goes from point to point, and not over a gap", () => {
  assert.equal(paths([[1, 1, null], [2, 2, null], [3, null, null], [4, 4, null], [5, 5, null]], at).line, "M1 1L2 2M4 4L5 5");
});

test("a point with a gap on either side is seen, among however many", () => {
  const gaps = [49, 51];
  const many = Array.from({ length: 100 }, (_, x) => [x, gaps.includes(x) ? null : 0, null]);
  assert.equal(paths(many, at).dots, "M50 0h0");
});

test("few points are dots, and have their standard errors to either side", () => {
  const { dots, errors } = paths([[1, 2, 0.5], [2, 3, 0], [3, null, 1]], at);
  assert.equal(dots, "M1 2h0M2 3h0");
  assert.equal(errors, "M1 1.5L1 2.5");
});

test("what is said of curves leaves out the ends of one that has no points", () => {
  const chart = { curves: [{ name: "a", points: [[0, 1, null], [1, 3, null]] }, { name: "b", points: [[0, null, null]] }], x_label: "t", y_label: "", low: 1, high: 3, span: [0, 1] };
  assert.equal(inWords(chart), "2 curves over t from 0 to 1: a, b; a from 1 to 3");
  assert.match(inWords({ ...chart, curves: chart.curves.slice(1) }), /no point is there yet/);
});

/** Which rows of a table are in sight. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { MAX_HEIGHT, Viewport } from "../table/viewport.js";

test("rows in sight are those that a part of is", () => {
  assert.deepEqual(new Viewport(500, 40, 400, 0).inSight, { first: 0, end: 10 });
  assert.deepEqual(new Viewport(500, 40, 400, 20).inSight, { first: 0, end: 11 });
  assert.deepEqual(new Viewport(500, 40, 400, 20).whole, { first: 0, end: 10 });
  assert.deepEqual(new Viewport(3, 40, 400, 0).inSight, { first: 0, end: 3 });
  assert.deepEqual(new Viewport(0, 40, 400, 0).inSight, { first: 0, end: 0 });
});

test("a row is brought into sight by the shortest way, and one that is there moves nothing", () => {
  const port = new Viewport(500, 40, 400, 4000);
  assert.equal(port.revealing(100), 4000);
  assert.equal(port.revealing(99), 3960);
  assert.equal(port.revealing(110), 4040);
});

test("of a million rows, which no element is high enough for, every one can be reached", () => {
  const at = (scrollTop) => new Viewport(1_000_000, 40, 400, scrollTop);
  assert.equal(at(0).bodyHeight, MAX_HEIGHT);
  assert.equal(at(0).top, 0);
  assert.equal(at(MAX_HEIGHT - 400).inSight.end, 1_000_000);
  for (const row of [1, 1234, 500_000, 999_990]) {
    const port = at(at(0).scrollTopFor(row));
    assert.ok(Math.abs(port.top - row) < 0.01);
    assert.ok(Math.abs(port.offsetOf(row) - port.scrollTop) <= 1); // it stands where the scroll bar is
  }
});

test("more is asked for than is in sight, and again only near its end", () => {
  const { window } = new Viewport(500, 40, 400, 4000);
  assert.ok(window.first < 100 && window.first + window.count > 110);
  assert.ok(new Viewport(500, 40, 400, 4080).isIn(window));
  assert.ok(!new Viewport(500, 40, 400, 4800).isIn(window));
});

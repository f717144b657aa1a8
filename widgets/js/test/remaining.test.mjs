/** How long a running task may still take. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { roughly, secondsLeft } from "../shared/remaining.js";

test("a quarter in a minute leaves three, which run down until more is told", () => {
  const task = { started: 1000, progress: 0.25, told: 1060 };
  assert.equal(secondsLeft(task, 1060), 180);
  assert.equal(secondsLeft(task, 1100), 140);
  assert.equal(secondsLeft(task, 2000), 0);
});

test("nothing is said of a task that has told nothing, has not begun, or has just begun", () => {
  for (const task of [
    { started: 1000, progress: null, told: 1060 }, { started: 1000, progress: 0, told: 1060 }, { started: 1000, progress: 1, told: 1060 },
    { started: null, progress: 0.5, told: 1060 }, { started: 1000, progress: 0.5, told: 1000.5 },
  ]) assert.equal(secondsLeft(task, 1070), null);
});

test("an estimate is said in one unit, and rounded as it deserves", () => {
  const said = [[null, ""], [0.4, ""], [3.2, "4 s"], [12, "15 s"], [58, "1 min"], [180, "3 min"], [3500, "1 h"], [8000, "2 h"], [200000, "2 d"]];
  for (const [s, text] of said) assert.equal(roughly(s), text);
});

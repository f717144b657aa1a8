import assert from "node:assert/strict";
import { test } from "node:test";

import { arrowed, rangeInWords } from "../shared/parameter.js";

const within = { step: 0.1, minimum: 0, maximum: 1 };

test("an arrow key goes a step, without the dust of binary fractions, and no further than allowed", () => {
  assert.equal(arrowed("ArrowUp", "0.2", within), "0.3");
  assert.equal(arrowed("ArrowDown", "0.3", within), "0.2");
  assert.equal(arrowed("ArrowUp", "0.95", within), "1");
  assert.equal(arrowed("ArrowDown", "7", within), "1");
  assert.equal(arrowed("ArrowUp", "1_000_000_000_00", { step: 1, minimum: null, maximum: null }), "100000000001");
});

test("an arrow key leaves a whole number every digit", () => {
  assert.equal(arrowed("ArrowUp", "1234567890123456", { step: 1, minimum: 0, maximum: null }), "1234567890123457");
});

test("another key, or what is no number, is left alone", () => {
  assert.equal(arrowed("a", "0.2", within), null);
  for (const text of ["", " ", "many", "1e999"]) assert.equal(arrowed("ArrowUp", text, within), null);
});

test("a range is said as a sentence, with its unit", () => {
  assert.equal(rangeInWords(""), "");
  assert.equal(rangeInWords("0.5 to 5"), "From 0.5 to 5.");
  assert.equal(rangeInWords("at least 1", "K"), "At least 1 K.");
});

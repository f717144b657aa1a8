/** What the editor calls a syntax error, and what it must not. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { EditorState } from "@codemirror/state";
import { julia } from "@plutojl/lang-julia";
import { syntaxError } from "../editor/syntax.js";

const errorIn = (code) => syntaxError(EditorState.create({ doc: code, extensions: [julia()] }));

const RIGHT = [
  "",
  "sum(rand(10^6)) / 10^6",
  "gap(; n, beta) = let e = eigvals(Symmetric(beta * randn(n, n))); e[end] - e[end-1] end",
  "Q, = qr(A)",
  "ys, = foldl(xs; init = ()) do acc, x\n    acc\nend",
  "for i::Int in 1:10\n    println(i)\nend",
  "begin; 1; end",
  "try; f(); catch e; rethrow(); end",
  "import ..outer, ..@macro\nx = 1",
  "(; a, b) = point",
  'write("""\nuuid = "$x"\nname = "\\$y"\n""")',
  "f(x...; y = 1, kw...) = x'",
  "A' * B .+ C'",
  'println("mean: $(round(mean(x), digits = 2))")',
  "x = [i^2 for i in 1:10 if isodd(i)]",
  "#= a\n #= nested =# comment =#\nα₁ = √2 ∈ [√2]",
  "struct P{T<:Real} <: Q\n    x::T\n    P(x) = new{typeof(x)}(x)\nend",
  "a ? b : c == d ? e : f",
  'raw"\\d+" * r"\\s"i',
  "Threads.@threads for i in eachindex(x)\n    @inbounds x[i] = 1\nend",
];

const WRONG = [
  ["f(x", 1],
  ["x = = 3", 1],
  ["a = 1\nb = )", 2],
  ["for i in 1:3\n    println(i)", 2],
  ["x = 1\nfunction f(x)\n    x\n", 3],
  ["end", 1],
  ['x = "abc', 1],
  ["x = [1, 2\ny = 3", 2],
  ["if x\n    1\nend\nend", 4],
  ["1 +", 1],
  ["f(,)", 1],
];

for (const code of RIGHT) test(`parses: ${JSON.stringify(code)}`, () => assert.equal(errorIn(code), null));

for (const [code, line] of WRONG) {
  test(`is refused in line ${line}: ${JSON.stringify(code)}`, () => {
    const error = errorIn(code);
    assert.equal(error?.line, line);
    assert.ok(error.from <= error.to && error.to <= code.length);
  });
}

test("says what is not complete when the code ends too early", () => {
  assert.equal(errorIn("x = 1\nfor i in 1:3\n    x\n").message, "the code ends too early: “for” in line 2 is not complete");
});

test("says only that it does not parse in the middle", () => {
  assert.equal(errorIn("x = = 3\ny").message, "the code does not parse here");
});

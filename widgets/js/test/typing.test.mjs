/** Typing: how far lines are indented, which quotes are there already, which names are offered. Run with `npm test`. */

import assert from "node:assert/strict";
import test from "node:test";
import { insertNewlineAndIndent } from "@codemirror/commands";
import { indentUnit } from "@codemirror/language";
import { EditorSelection, EditorState } from "@codemirror/state";
import { julia } from "@plutojl/lang-julia";
import { wordsAt } from "../editor/complete.js";
import { columnAfter, indentation } from "../editor/indent.js";
import { typedQuotes } from "../editor/quotes.js";
import { openEnd, tokens } from "../editor/tokens.js";

/** The column of a new line after `code` that begins with `after`. */
function column(code, after = "") {
  const columnOf = (at) => /^ */.exec(code.slice(code.lastIndexOf("\n", at - 1) + 1))[0].length;
  return columnAfter(code, after, 4, columnOf);
}

const HEADS = [
  "function f(x)", "function f(x::T) where T", "macro m(x)", "if x > 1", "if a\n    1\nelseif b", "if a\n    1\nelse", "for i in 1:3",
  "while true", "struct P{T} <: Q", "mutable struct P", "abstract type A", "let x = 1", "foreach(xs) do x", "try", "try\n    1\ncatch e",
  "try\n    1\nfinally", "quote", "begin", "module M", "baremodule M", "x = if a", "f(x) = begin", "@testset \"end\" begin", "# end\nfor i in x # end",
  "for i in x[1:end]", "y = x[begin]; while y", "Threads.@threads for i in 1:3", "function f(x = \"end\", y = 'e'; z = x')", "f(", "x = [", "map(x) do (a, b)",
  "struct A\n    x::Int\nend\nfor i in 1", "f = function (x)", "for x in [a for a in b if c]", "x'; for i in y'", 'for i in "$(f("end"))"',
];
for (const head of HEADS) {
  test(`a line is indented after ${JSON.stringify(head)}`, () => assert.equal(column(`${head}\n`), 4));
}

test("Enter indents as CodeMirror does it", () => {
  for (const head of ["function f(x)", "macro m(x)", "function f(x::T) where T", "if a\n    1\nelseif b"]) {
    let state = EditorState.create({ doc: head, selection: EditorSelection.cursor(head.length), extensions: [julia(), indentUnit.of("    "), indentation] });
    insertNewlineAndIndent({ state, dispatch: (transaction) => { ({ state } = transaction); } });
    assert.equal(state.doc.toString(), `${head}\n    `);
  }
});

const FLAT = [
  "", "x = 1", "function f(x)\n    x\nend", "f(x) = [a for a in x if a > 1]", "abstract type A end", "x = a.end", "y = x[end]", "s = :for", "x = \"for\"", "# for",
  "sum(i for i in 1:3)", "struct P end", "for i in 1:3; i; end", "x = begin 1 end", "g(x) = x'", "z = x[begin:end]", "typeof(for_each)", "'('", "x = raw\"$(\"",
];
for (const code of FLAT) test(`a line is not indented after ${JSON.stringify(code)}`, () => assert.equal(column(`${code}\n`), 0));

test("a block's own words stand where it began", () => {
  for (const word of ["end", "else", "elseif x", "catch", "finally"]) assert.equal(column("function f()\n    if x\n        1\n", word), 4);
  assert.equal(column("f(\n    1,\n", ")"), 0);
});

test("a line that goes on is indented once", () => {
  assert.equal(column("x = 1 +\n"), 4);
  assert.equal(column("x = 1 +\n    2 +\n"), 4);
  assert.equal(column("x = 1 +\n    2\n"), 0);
  assert.equal(column("for i in x\n    y =\n"), 8);
});

test("a block that somebody indents by two stays so", () => assert.equal(column("for i in x\n  y\n"), 2));

test("within a text or a comment the line before tells", () => {
  assert.equal(column('"""\n  a\n'), null);
  assert.equal(column("#= a\n"), null);
});

test("tokens reach to the end of any code, and none is empty", () => {
  for (const code of ["😀 = 1", '"a$(b("c', "'\\''", "#= #= =#", '"""', "1.5e-3im", "x...", "a.b'.c'", "\\alpha", "\u0000", "`a`"]) {
    const found = tokens(code);
    assert.ok(found.every(({ from, to }) => to > from));
    assert.equal(found[found.length - 1].to, code.length);
  }
});

test("the end of code is in a text, in a comment, or in neither", () => {
  for (const code of ['"a', '"a$(', "# a", "#= a", '"""a"', "`a"]) assert.ok(openEnd(code), code);
  for (const code of ["", "a", '"a"', "# a\n", "#= a =#", '"""a"""', "x'", "'\"'"]) assert.equal(openEnd(code), null, code);
});

test("quotes that end a triple-quoted text are counted, and no others", () => {
  for (const [before, count] of [['"""', 0], ['"""doc', 0], ['"""doc"', 1], ['"""doc""', 2], ['"""a "b"', 1]]) assert.equal(typedQuotes(before, '"'), count);
  for (const before of ['"""doc"""', '""', '"a', "x", "```a", ""]) assert.equal(typedQuotes(before, '"'), -1);
});

/** What is offered at the end of code, best first as far as the boost tells. */
function offered(code, given = [], asked = false) {
  const found = wordsAt(code, code.length, given, asked);
  return found && found.options.filter(({ label }) => label.startsWith(code.slice(found.from))).sort((a, b) => (b.boost ?? 0) - (a.boost ?? 0)).map(({ label }) => label);
}

test("keywords, Base, the libraries, the code itself and the arguments are offered", () => {
  assert.ok(offered("contin").includes("continue"));
  assert.ok(offered("eigv").includes("eigvals"));
  assert.deepEqual(offered("walkers_a = 1\nwalk", ["walkers_b"]).slice(0, 2), ["walkers_b", "walkers_a"]);
  assert.deepEqual(offered("Threads.nth"), ["nthreads"]);
  assert.ok(offered("LinearAlgebra.").includes("eigvals"));
  assert.ok(offered("", [], true).length > 1000);
});

test("a library that is loaded comes before one that is not", () => {
  const boost = (code) => wordsAt(code, code.length, [], false).options.find(({ label }) => label === "eigvals").boost;
  assert.ok(boost("using LinearAlgebra\neig") > boost("eig"));
});

test("nothing is offered in texts and comments, after numbers, dots and backslashes, and for one letter", () => {
  for (const code of ['x = "eachin', "# eachin", "#= eachin", "2eachin", "a.eachin", "\\eachin", "e"]) assert.equal(offered(code), null, code);
});

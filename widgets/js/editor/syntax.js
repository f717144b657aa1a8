// @ts-check
/**
 * Where code does not parse.
 *
 * The grammar accepts all but a few forms of Julia. Code that it refuses is looked at once
 * more with those forms put into others of the same length, so that positions stay; only what
 * is refused then too is called an error.
 */

import { ensureSyntaxTree, language } from "@codemirror/language";

/** @typedef {{ from: number, to: number, line: number, column: number, message: string }} SyntaxError_ */

const PARSE_MS = 400;
const blank = (/** @type {string} */ text) => text.replace(/[^\n]/gu, (c) => " ".repeat(c.length));

/**
 * Forms of Julia that the grammar does not know, and what to read in their place.
 * @type {[RegExp, (match: string, ...groups: string[]) => string][]}
 */
const FORMS = [
  // a quote before an interpolation in a triple-quoted text: """ name = "$x" """
  [/"""(?:[^"\\]|\\.|"(?!""))*"""/gsu, (all) => `"""${blank(all.slice(3, -3))}"""`],
  // one name from a tuple: Q, = qr(A)
  [/,(?=[ \t]*=(?![=>]))/gu, blank],
  // a typed loop variable: for i::Int in 1:10
  [/(\bfor\s+[^\s:=,()]+)(::[^\s=∈,()]+)(?=\s*(?:=|∈|in\b))/gu, (_all, head, type) => head + blank(type)],
  // a block that opens with a semicolon: begin; 1; end
  [/(\b(?:begin|quote|do|else|try|finally)[ \t]*);/gu, (_all, head) => `${head} `],
  // names from an outer module: import ..name, ..@macro
  [/^[ \t]*(?:import|using)[ \t]+\.\.[^\n]*/gmu, blank],
];

/** @param {string} code */
function respelled(code) {
  return FORMS.reduce((text, [form, other]) => text.replace(form, other), code);
}

/** @param {import("@lezer/common").Tree} tree */
function firstError(tree) {
  /** @type {import("@lezer/common").SyntaxNode | null} */
  let found = null;
  tree.iterate({
    enter(node) {
      if (found) return false;
      if (node.type.isError) found = node.node;
      return undefined;
    },
  });
  return /** @type {import("@lezer/common").SyntaxNode | null} */ (found);
}

/**
 * The construct that is still open at the end of the code.
 * @param {import("@lezer/common").SyntaxNode} error
 * @param {import("@codemirror/state").Text} doc
 */
function unclosed(error, doc) {
  let node = error.parent;
  while (node && (node.type.isTop || node.from === node.to || node.name === "Block")) node = node.parent;
  if (!node || node.type.isTop) return null;
  const word = /^(?:[\p{L}_]+|"""|```|#=|.)/u.exec(doc.sliceString(node.from, node.from + 40));
  return word && { text: word[0], line: doc.lineAt(node.from).number };
}

/**
 * @param {import("@lezer/common").SyntaxNode} error
 * @param {import("@codemirror/state").Text} doc
 */
function message(error, doc) {
  if (doc.sliceString(error.to, doc.length).trim() || error.from < doc.toString().trimEnd().length) {
    return "the code does not parse here";
  }
  const open = unclosed(error, doc);
  return open ? `the code ends too early: “${open.text}” in line ${open.line} is not complete` : "the code ends too early";
}

/**
 * The first syntax error of a document, null when there is none.
 * @param {import("@codemirror/state").EditorState} state
 * @returns {SyntaxError_ | null}
 */
export function syntaxError(state) {
  const { doc } = state;
  const tree = ensureSyntaxTree(state, doc.length, PARSE_MS);
  if (!tree || !firstError(tree)) return null; // not parsed in time counts as right: the worker has the last word
  const parser = state.facet(language)?.parser;
  const error = parser ? firstError(parser.parse(respelled(doc.toString()))) : null;
  if (!error) return null;
  const from = Math.min(error.from, doc.toString().trimEnd().length);
  const line = doc.lineAt(from);
  const to = Math.min(Math.max(error.to, from + 1), line.to);
  return { from: Math.min(from, line.to), to: Math.max(to, from), line: line.number, column: from - line.from + 1, message: message(error, doc) };
}

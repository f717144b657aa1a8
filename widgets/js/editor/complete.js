// @ts-check
/** Completion of words: Julia's keywords and exported names, and those of the code and of its arguments. */

import { acceptCompletion, completionStatus, currentCompletions, selectedCompletionIndex, setSelectedCompletion } from "@codemirror/autocomplete";
import { openEnd, tokens } from "./tokens.js";
import exported from "./names.json" with { type: "json" };

/**
 * @typedef {import("@codemirror/autocomplete").Completion} Completion
 * @typedef {import("@codemirror/autocomplete").CompletionContext} Context
 * @typedef {import("@codemirror/autocomplete").CompletionResult} Result
 */

const KEYWORDS = "abstract baremodule begin break catch const continue do else elseif end export false finally for function global if import in isa let local macro module mutable primitive quote return struct true try type using where while".split(" ");
/** @type {Map<string, string[]>} */
const MODULES = new Map(Object.entries(exported).map(([name, names]) => [name, names.split(" ")]));
const BASE = new Set([...KEYWORDS, ...(MODULES.get("Base") ?? [])]);
/** What comes with Base, and is written with the module's name before it. */
const INNER = new Set(["Base", "Threads", "Iterators", "Meta", "MathConstants"]);
const TYPED = /@?[\p{L}_][\p{L}\p{N}\p{M}_!]*$/u;
const MEMBER = /(?<![\p{L}\p{N}_.])([\p{L}_][\p{L}\p{N}_]*)\.(@?[\p{L}\p{N}_!]*)$/u;
const VALID = /^@?[\p{L}\p{N}\p{M}_!]*$/u;
/** Order: what is written here, then Julia's own, then what a library has to be loaded for. */
const [OWN, LOADED, OTHER] = [50, 0, -50];

/** @type {Completion[]} */
const KNOWN = [...BASE].map((label) => ({ label, detail: KEYWORDS.includes(label) ? "keyword" : undefined, boost: LOADED }));

/** @param {Set<string>} taken @param {Set<string>} words */
function libraries(taken, words) {
  /** @type {Completion[]} */
  const found = [];
  for (const [module, names] of MODULES) {
    if (INNER.has(module)) continue;
    found.push({ label: module, detail: "library", boost: words.has(module) ? LOADED : OTHER });
    for (const label of names) {
      if (taken.has(label)) continue;
      taken.add(label);
      found.push({ label, detail: module, boost: words.has(module) ? LOADED : OTHER });
    }
  }
  return found;
}

/** Words of the code but the one at the cursor. @param {string} code @param {number} from where that begins */
function wordsOf(code, from) {
  return new Set(tokens(code).filter((token) => token.kind === "word" && token.from !== from).map((token) => token.text));
}

/**
 * What may stand after `before`.
 * @param {string} code all of it
 * @param {number} at where the cursor is
 * @param {string[]} given names that the code is given
 * @param {boolean} asked whether somebody asked, and did not just type
 * @returns {Result | null}
 */
export function wordsAt(code, at, given, asked) {
  const before = code.slice(0, at);
  if (openEnd(before)) return null;
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const member = MEMBER.exec(line);
  if (member) {
    const names = MODULES.get(member[1]);
    return names ? { from: at - member[2].length, options: names.map((label) => ({ label })), validFor: VALID } : null;
  }
  const typed = TYPED.exec(line)?.[0] ?? "";
  const from = at - typed.length;
  if (!asked && (typed.length < 2 || /[\d.\\]$/u.test(line.slice(0, line.length - typed.length)))) return null;
  const words = wordsOf(code, from);
  /** @type {Completion[]} */
  const own = [...given].map((label) => ({ label, detail: "argument", boost: OWN }));
  const taken = new Set([...BASE, ...given]);
  for (const label of words) {
    if (taken.has(label) || MODULES.has(label)) continue;
    taken.add(label);
    own.push({ label, boost: OWN });
  }
  return { from, options: [...own, ...KNOWN.filter(({ label }) => !given.includes(label)), ...libraries(taken, words)], validFor: VALID };
}

/** @param {() => string[]} given names that the code is given */
export function wordSource(given) {
  return (/** @type {Context} */ context) => wordsAt(context.state.doc.toString(), context.pos, given(), context.explicit);
}

/**
 * Take what is chosen, or the first of what is offered.
 * @param {import("@codemirror/view").EditorView} view
 */
export function acceptFirst(view) {
  const offered = completionStatus(view.state) === "active" ? currentCompletions(view.state) : [];
  if (!offered.length) return false;
  if ((selectedCompletionIndex(view.state) ?? -1) < 0) view.dispatch({ effects: setSelectedCompletion(0) });
  return acceptCompletion(view);
}

/**
 * Enter ends a line, unless something was chosen; of names after a backslash the first is.
 * @param {import("@codemirror/view").EditorView} view
 */
export function acceptSymbol(view) {
  const [first] = completionStatus(view.state) === "active" ? currentCompletions(view.state) : [];
  const chosen = (selectedCompletionIndex(view.state) ?? -1) >= 0;
  return first !== undefined && !chosen && first.label.startsWith("\\") && acceptFirst(view);
}

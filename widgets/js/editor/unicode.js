// @ts-check
/** Unicode by name, as in Julia's prompt: `\alpha`, then Tab, becomes α. */

import { completionStatus, startCompletion } from "@codemirror/autocomplete";
import symbols from "./unicode.json";

/** @type {Record<string, string>} */
const TABLE = symbols;
const NAMES = Object.keys(TABLE);
/** Greek letters come first: they are what is meant most of the time. */
const OPTIONS = NAMES.map((name) => ({
  label: `\\${name}`, detail: TABLE[name], apply: TABLE[name], boost: /^[\u0370-\u03ff]$/u.test(TABLE[name]) ? 9 : 0,
}));
const TYPED = /\\[^\s\\"'()[\]{},;]*$/u;

/**
 * Offer names while one is being typed.
 * @param {import("@codemirror/autocomplete").CompletionContext} context
 * @returns {import("@codemirror/autocomplete").CompletionResult | null}
 */
export function unicodeSource(context) {
  const typed = context.matchBefore(TYPED);
  if (!typed || (typed.text.length < 2 && !context.explicit)) return null;
  return { from: typed.from, options: OPTIONS, validFor: /^\\[\w^+\-=()!:/]*$/u };
}

/**
 * What to put in the place of a typed name: its symbol, or as much of the name as is certain.
 * @param {string} typed the name without its backslash
 * @returns {{ text: string, done: boolean } | null} null when no name begins like this
 */
export function complete(typed) {
  if (Object.hasOwn(TABLE, typed)) return { text: TABLE[typed], done: true };
  const matches = NAMES.filter((name) => name.startsWith(typed));
  if (!matches.length) return null;
  if (matches.length === 1) return { text: TABLE[matches[0]], done: true };
  return { text: `\\${commonStart(matches)}`, done: false };
}

/** @param {string[]} names */
function commonStart(names) {
  let end = names[0].length;
  for (const name of names) while (!name.startsWith(names[0].slice(0, end))) end -= 1;
  return names[0].slice(0, end);
}

/**
 * Command for Tab: complete the name before the cursor.
 * @param {import("@codemirror/view").EditorView} view
 */
export function completeUnicode(view) {
  const { main } = view.state.selection;
  if (!main.empty || view.state.readOnly) return false;
  const line = view.state.doc.lineAt(main.head);
  const typed = TYPED.exec(line.text.slice(0, main.head - line.from));
  if (!typed) return false;
  const found = complete(typed[0].slice(1));
  if (!found) return false;
  const from = main.head - typed[0].length;
  view.dispatch({
    changes: { from, to: main.head, insert: found.text },
    selection: { anchor: from + found.text.length },
    userEvent: "input.complete",
  });
  if (!found.done && completionStatus(view.state) === null) startCompletion(view);
  return true;
}

// @ts-check
/** Typing the end of a triple-quoted text goes over the quotes that stand there already, one by one. */

import { Prec } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { openEnd } from "./tokens.js";

/**
 * Whether a quote that is typed here is one that stands there already.
 * @param {string} before @param {string} ahead @param {string} quote
 */
export function isThere(before, ahead, quote) {
  const open = openEnd(before);
  const triple = quote.repeat(3);
  if (open?.kind !== "string" || !open.text.startsWith(triple)) return false;
  const run = (/** @type {string} */ text) => text.length - text.replace(new RegExp(`^${quote}+`, "u"), "").length;
  const typed = run([...open.text.slice(3)].reverse().join(""));
  const there = run(ahead.slice(0, 3));
  return there > 0 && typed + there === 3;
}

/** CodeMirror would go over all three at the first of them, and begin a new text with the second. */
export const tripleQuotes = Prec.highest(EditorView.inputHandler.of((view, from, to, text) => {
  if ((text !== '"' && text !== "`") || from !== to || view.state.readOnly) return false;
  const { doc } = view.state;
  if (!isThere(doc.sliceString(0, from), doc.sliceString(from, from + 3), text)) return false;
  view.dispatch({ selection: { anchor: from + 1 }, scrollIntoView: true, userEvent: "input.type" });
  return true;
}));

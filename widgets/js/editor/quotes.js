// @ts-check
/** Quotes within a triple-quoted text are typed as they are; three of them before the closing ones are these. */

import { Prec } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { openEnd } from "./tokens.js";

/**
 * How many quotes were typed last in a triple-quoted text that is open before the cursor; -1 where there is none.
 * @param {string} before @param {string} quote
 */
export function typedQuotes(before, quote) {
  const open = openEnd(before);
  if (open?.kind !== "string" || !open.text.startsWith(quote.repeat(3))) return -1;
  const text = open.text.slice(3);
  return text.length - text.replace(new RegExp(`${quote}+$`, "u"), "").length;
}

/**
 * CodeMirror goes over all three closing quotes at the first one that is typed, and begins a new text
 * with the second. Here the first and the second may as well belong to the text.
 */
export const tripleQuotes = Prec.highest(EditorView.inputHandler.of((view, from, to, text) => {
  if ((text !== '"' && text !== "`") || from !== to || view.state.readOnly) return false;
  const { doc } = view.state;
  const typed = typedQuotes(doc.sliceString(0, from), text);
  if (typed < 0) return false;
  const closes = typed === 2 && doc.sliceString(from, from + 3) === text.repeat(3);
  const change = closes ? { from: from - 2, to: from } : { from, insert: text };
  view.dispatch({ changes: change, selection: { anchor: from + 1 }, scrollIntoView: true, userEvent: "input.type" });
  return true;
}));

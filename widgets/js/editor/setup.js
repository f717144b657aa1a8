// @ts-check
/** The editor's behaviour: keys, history, brackets, indentation, completion, each from its module. */

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit } from "@codemirror/language";
import { lintGutter } from "@codemirror/lint";
import { EditorState, Prec } from "@codemirror/state";
import { EditorView, drawSelection, dropCursor, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { julia } from "@plutojl/lang-julia";
import { acceptFirst, acceptSymbol, wordSource } from "./complete.js";
import { indentation } from "./indent.js";
import { look } from "./look.js";
import { tripleQuotes } from "./quotes.js";
import { completeUnicode, unicodeSource } from "./unicode.js";

const INDENT = 4;

/**
 * Indent at the start of a line or with a selection, else insert spaces up to the next stop.
 * @param {EditorView} view
 */
function indent(view) {
  const { state } = view;
  const { main } = state.selection;
  const line = state.doc.lineAt(main.head);
  const column = main.head - line.from;
  if (!main.empty || !line.text.slice(0, column).trim()) return indentMore(view);
  view.dispatch(state.replaceSelection(" ".repeat(INDENT - (column % INDENT))), { scrollIntoView: true, userEvent: "input" });
  return true;
}

/** Tab does the nearest thing that makes sense; after Escape, CodeMirror lets it leave. */
const tab = [
  { key: "Tab", run: acceptFirst },
  { key: "Tab", run: completeUnicode },
  { key: "Tab", run: indent, shift: indentLess },
];

/** A quote after a bracket is Julia's adjoint, so quotes of that kind do not come in pairs. */
const brackets = Prec.highest(
  EditorState.languageData.of(() => [{ closeBrackets: { brackets: ["(", "[", "{", '"', '"""', "`", "```"] } }]),
);

/** What both the editor and the view of finished code need. */
export const reading = [lineNumbers(), highlightSpecialChars(), bracketMatching(), julia(), look, lintGutter()];

/**
 * What the editor needs beyond that.
 * @param {() => void} submit called by Ctrl-Enter or Cmd-Enter
 * @param {() => string[]} given names that the code is given, to complete
 */
export function writing(submit, given) {
  const send = { key: "Mod-Enter", run: () => { submit(); return true; } };
  return [
    Prec.highest(keymap.of([send, { key: "Ctrl-Enter", run: send.run }, ...tab, { key: "Enter", run: acceptSymbol }])),
    brackets,
    tripleQuotes,
    indentation,
    history(),
    drawSelection(),
    dropCursor(),
    indentOnInput(),
    indentUnit.of(" ".repeat(INDENT)),
    EditorState.tabSize.of(INDENT),
    closeBrackets(),
    // Nothing is chosen until somebody chooses: Enter ends a line.
    autocompletion({ override: [unicodeSource, wordSource(given)], icons: false, filterStrict: true, selectOnOpen: false }),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...completionKeymap]),
  ];
}

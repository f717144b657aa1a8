// @ts-check
/** How the editor looks: colours come from the variables in editor.css. */

import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const colour = (/** @type {string} */ name) => `var(--tq-code-${name})`;

const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.moduleKeyword, tags.controlKeyword, tags.definitionKeyword], color: colour("keyword") },
  { tag: [tags.string, tags.special(tags.string), tags.character, tags.regexp, tags.escape], color: colour("string") },
  { tag: [tags.number, tags.integer, tags.float, tags.bool, tags.null, tags.atom, tags.literal], color: colour("number") },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: colour("comment"), fontStyle: "italic" },
  { tag: [tags.macroName, tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))], color: colour("function") },
  { tag: [tags.typeName, tags.className, tags.namespace], color: colour("type") },
  { tag: [tags.operator, tags.operatorKeyword, tags.updateOperator, tags.compareOperator], color: colour("operator") },
]);

const frame = EditorView.theme({
  "&": { color: "var(--tq-ink)", backgroundColor: "var(--tq-surface)", fontSize: "13px" },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--tq-mono)", lineHeight: "1.55", overflow: "auto" },
  ".cm-content": { padding: "10px 0", caretColor: "var(--tq-ink)" },
  ".cm-line": { padding: "0 12px 0 6px" },
  ".cm-gutters": { color: "var(--tq-ink-soft)", backgroundColor: "var(--tq-surface)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { minWidth: "32px", padding: "0 6px 0 8px" },
  ".cm-gutter-lint": { width: "14px" },
  ".cm-gutter-lint .cm-gutterElement": { display: "flex", alignItems: "center", justifyContent: "center", padding: "0" },
  ".cm-gutter-lint .cm-lint-marker": { content: "normal", width: "8px", height: "8px", borderRadius: "50%", background: "var(--tq-accent)" },
  ".cm-gutter-lint .cm-lint-marker-error": { background: "var(--tq-danger)" },
  ".cm-gutter-lint .cm-lint-marker-warning": { background: "#d98e00" },
  ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: "transparent" },
  "&.cm-focused .cm-activeLine": { backgroundColor: "var(--tq-hover)" },
  "&.cm-focused .cm-activeLineGutter": { color: "var(--tq-ink)", backgroundColor: "var(--tq-hover)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--tq-ink)", borderLeftWidth: "2px" },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground":
    { backgroundColor: "var(--tq-code-selection)" },
  ".cm-placeholder": { color: "var(--tq-ink-soft)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--tq-code-match)", outline: "1px solid var(--tq-line-strong)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "transparent", color: "var(--tq-danger)" },
  ".cm-lintRange": { backgroundImage: "none", textDecoration: "underline wavy 1px", textUnderlineOffset: "3px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--tq-danger)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--tq-cancelled)" },
  ".cm-lintRange-info, .cm-lintRange-hint": { textDecorationColor: "var(--tq-accent)" },
  ".cm-lintPoint::after": { borderBottomColor: "var(--tq-danger)" },
  ".cm-tooltip": { color: "var(--tq-ink)", backgroundColor: "var(--tq-surface)", border: "1px solid var(--tq-line)",
    borderRadius: "6px", boxShadow: "var(--tq-shadow)", overflow: "hidden" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--tq-mono)", maxHeight: "14em" },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 10px !important", display: "flex", justifyContent: "space-between" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { color: "var(--tq-accent-ink)", backgroundColor: "var(--tq-accent)" },
  ".cm-completionDetail": { fontStyle: "normal", marginLeft: "1.5em" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-diagnostic": { padding: "5px 10px", borderLeft: "none", fontFamily: "var(--tq-font)" },
});

export const look = [frame, syntaxHighlighting(highlight)];

// @ts-check
/** How far a line is indented: by the blocks and brackets that are open before it, complete or not. */

import { indentService, indentUnit } from "@codemirror/language";
import { tokens } from "./tokens.js";

/** @typedef {import("./tokens.js").Token} Token */
/**
 * What is open at the end of some code: a block's word or a bracket (null: the code as a whole), and
 * where the last line began that stands directly in it.
 * @typedef {{ opener: Token | null, line: number | null }} Frame
 */

const BLOCKS = new Set(["baremodule", "begin", "do", "for", "function", "if", "let", "macro", "module", "quote", "struct", "try", "while"]);
const MIDDLES = /^\s*(?:end|else|elseif|catch|finally)(?![\p{L}\p{N}_!])/u;
const CLOSERS = /^\s*[)\]}]/u;
/** What a value ends with: after one of these `for` and `if` belong to a generator. */
const VALUES = new Set(["word", "number", "string", "close"]);
/** Words after which a value is still to come. */
const AWAITING = new Set(["return", "in", "isa", "where", "if", "elseif", "while", "for", "begin", "do", "else", "quote", "try", "let"]);

/** @param {Frame[]} frames */
const innermost = (frames) => frames[frames.length - 1];

/**
 * Whether a word opens a block.
 * @param {Token} word @param {Token | undefined} before @param {Frame} frame
 */
function opens(word, before, frame) {
  if (before?.to === word.from && (before.text === "." || before.text === ":")) return false; // x.end, :for
  if (word.text === "type") return before?.text === "abstract" || before?.text === "primitive";
  if (!BLOCKS.has(word.text)) return false;
  const bracket = frame.opener?.kind === "open";
  if (bracket && word.text === "begin" && frame.opener?.text === "[") return false; // x[begin]
  const value = before !== undefined && VALUES.has(before.kind) && !AWAITING.has(before.text);
  return !(bracket && value && (word.text === "for" || word.text === "if"));
}

/** Whether a line that ends with this token goes on. @param {Token | undefined} last */
function goesOn(last) {
  return last?.kind === "sign" && last.text !== "'" && last.text !== ";" && last.text !== "…";
}

/** What is open at the end of code, whether that is within a text or a comment, and whether its last line goes on. @param {string} code */
export function openAt(code) {
  /** @type {Frame[]} */
  const frames = [{ opener: null, line: null }];
  /** @type {Token | undefined} */
  let last;
  let [fresh, wentOn, lineWentOn, lineStart] = [true, false, false, 0];
  const found = tokens(code);
  for (const token of found) {
    if (token.kind === "newline") {
      wentOn = goesOn(last);
      fresh = true;
      continue;
    }
    if (token.kind === "comment") continue;
    const frame = innermost(frames);
    if (fresh) {
      [lineStart, lineWentOn] = [token.from, wentOn];
      if (!wentOn && token.kind !== "close" && !MIDDLES.test(token.text)) frame.line = token.from;
    }
    fresh = false;
    if (token.kind === "open") frames.push({ opener: token, line: null });
    else if (token.kind === "close") {
      const at = frames.map(({ opener }) => opener?.kind).lastIndexOf("open");
      if (at > 0) frames.length = at;
    } else if (token.kind === "word" && opens(token, last, frame)) frames.push({ opener: token, line: null });
    else if (token.text === "end" && frame.opener?.kind === "word" && !(last?.to === token.from && (last.text === "." || last.text === ":"))) frames.pop();
    last = token;
  }
  return { frames, goesOn: goesOn(last), within: found.length > 0 && !found[found.length - 1].closed, lineStart, lineWentOn };
}

/**
 * The column of a line that begins with `after`, after all that stands before it.
 * @param {string} code what stands before
 * @param {string} after the line itself
 * @param {number} unit columns of one level
 * @param {(at: number) => number} columnOf the indentation of the line at a place
 * @returns {number | null} null where the line before it tells
 */
export function columnAfter(code, after, unit, columnOf) {
  const { frames, goesOn: open, within, lineStart, lineWentOn } = openAt(code);
  const { opener, line } = innermost(frames);
  if (within) return null;
  if (opener && (opener.kind === "open" ? CLOSERS : MIDDLES).test(after)) return columnOf(opener.from);
  if (open && opener?.kind !== "open") return columnOf(lineStart) + (lineWentOn ? 0 : unit);
  if (line !== null) return columnOf(line);
  return opener ? columnOf(opener.from) + unit : 0;
}

/** Where CodeMirror asks how far to indent. */
export const indentation = indentService.of((context, at) => {
  const unit = context.state.facet(indentUnit).length;
  return columnAfter(context.state.sliceDoc(0, at), context.textAfterPos(at), unit, (place) => context.lineIndent(place));
});

// @ts-check
/**
 * Julia's code as words, brackets, strings and the rest, also where it is not complete.
 *
 * The grammar's tree tells all of that too, but only of code that parses: half-written code, which
 * is what is being typed, it takes for something else.
 */

/**
 * @typedef {"word" | "open" | "close" | "string" | "comment" | "newline" | "number" | "sign"} Kind
 * @typedef {{ kind: Kind, text: string, from: number, to: number, closed: boolean }} Token
 *   `closed` is false for a string or a comment that has not ended.
 */

const WORD = /@?[\p{L}\p{Nl}_][\p{L}\p{N}\p{M}_!′″]*/uy;
const NUMBER = /\.?\d(?:[\w]|\.(?!\.))*/uy;
const CHARACTER = /'(?:\\[^']+|\\'|[^'\\\n])'/uy;
const COMMENT = /#[^\n]*/uy;
const QUOTES = /"""|"|```|`/uy;

/** @param {RegExp} pattern sticky @param {string} code @param {number} at */
function match(pattern, code, at) {
  pattern.lastIndex = at;
  return pattern.exec(code)?.[0] ?? "";
}

/** Where a comment in `#=` and `=#` ends; such comments nest. @param {string} code @param {number} from */
function afterBlockComment(code, from) {
  let depth = 0;
  for (let at = from; at < code.length; at += 1) {
    const two = code.slice(at, at + 2);
    if (two === "#=") depth += 1;
    else if (two === "=#") depth -= 1;
    if (two !== "#=" && two !== "=#") continue;
    at += 1;
    if (depth === 0) return at + 1;
  }
  return -1;
}

/** Where an interpolation that begins with `$(` ends. @param {string} code @param {number} from after the bracket */
function afterInterpolation(code, from) {
  let depth = 1;
  for (let at = from; at < code.length; at += 1) {
    const quotes = match(QUOTES, code, at);
    if (quotes) {
      at = afterString(code, at + quotes.length, quotes, true) - 1;
      if (at < 0) return -1;
    } else if (code[at] === "(") depth += 1;
    else if (code[at] === ")" && (depth -= 1) === 0) return at + 1;
  }
  return -1;
}

/**
 * Where a string ends, -1 if it does not.
 * @param {string} code @param {number} from after its quotes @param {string} quotes @param {boolean} interpolates
 * @returns {number}
 */
function afterString(code, from, quotes, interpolates) {
  for (let at = from; at < code.length; at += 1) {
    if (code[at] === "\\") at += 1;
    else if (code.startsWith(quotes, at)) return at + quotes.length;
    else if (interpolates && code.startsWith("$(", at)) {
      at = afterInterpolation(code, at + 2) - 1;
      if (at < 0) return -1;
    }
  }
  return -1;
}

/** Whether a quote here is Julia's adjoint. @param {Token | undefined} last @param {number} at */
function isAdjoint(last, at) {
  return last !== undefined && last.to === at && (["word", "number", "close"].includes(last.kind) || last.text === "'");
}

/** @param {string} code @param {number} at @param {Token | undefined} last @returns {Token} */
function tokenAt(code, at, last) {
  const token = (/** @type {Kind} */ kind, /** @type {number} */ to) => ({ kind, text: code.slice(at, to < 0 ? undefined : to), from: at, to: to < 0 ? code.length : to, closed: to >= 0 });
  const char = code[at];
  if (char === "\n") return token("newline", at + 1);
  if (code.startsWith("#=", at)) return token("comment", afterBlockComment(code, at));
  if (char === "#") return token("comment", at + match(COMMENT, code, at).length);
  const quotes = match(QUOTES, code, at);
  if (quotes) {
    const plain = last?.kind === "word" && last.to === at; // raw"...", r"..."
    return token("string", afterString(code, at + quotes.length, quotes, !plain));
  }
  if ("([{".includes(char)) return token("open", at + 1);
  if (")]}".includes(char)) return token("close", at + 1);
  const long = match(NUMBER, code, at);
  if (long) return token("number", at + long.length);
  const word = match(WORD, code, at);
  if (word) return token("word", at + word.length);
  const character = isAdjoint(last, at) ? "" : match(CHARACTER, code, at);
  return character ? token("string", at + character.length) : token("sign", at + 1);
}

/** The tokens of code, without white space. @param {string} code @returns {Token[]} */
export function tokens(code) {
  /** @type {Token[]} */
  const found = [];
  for (let at = 0; at < code.length;) {
    if (/[^\S\n]/u.test(code[at])) {
      at += 1;
      continue;
    }
    const token = tokenAt(code, at, found[found.length - 1]);
    found.push(token);
    at = token.to;
  }
  return found;
}

/** The string or comment in which code ends, null if it ends in neither. @param {string} code */
export function openEnd(code) {
  const last = tokens(code).pop();
  if (!last) return null;
  const inLine = last.kind === "comment" && !last.text.startsWith("#=");
  return !last.closed || inLine ? last : null;
}

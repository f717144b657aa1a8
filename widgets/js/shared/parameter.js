// @ts-check
/** What fields for a parameter have in common, in the form of a task and in that of a recipe. */

/**
 * What Python tells of a parameter that code declares.
 * @typedef {{ name: string, label: string, unit: string, kind: string, step: number | null, minimum: number | null,
 *   maximum: number | null, help: string, range: string, choices: string[] }} Parameter
 */

/** A number without the dust of binary fractions; a whole one, such as a seed, has none. @param {number} value */
export const plain = (value) => String(Number.isSafeInteger(value) ? value : Number(value.toPrecision(12)));

/** What a parameter takes, as a sentence; empty where it takes anything. @param {string} range @param {string} [unit] */
export function rangeInWords(range, unit = "") {
  if (!range) return "";
  return `${range.startsWith("at ") ? `At${range.slice(2)}` : `From ${range}`}${unit && ` ${unit}`}.`;
}

/**
 * What an arrow key makes of a number: a step more or less, and no further than allowed. Null where the key is
 * none, or no number stands there.
 * @param {string} key @param {string} text what stands in the field @param {Pick<Parameter, "minimum" | "maximum"> & { step: number }} steps
 */
export function arrowed(key, text, { step, minimum, maximum }) {
  const sign = { ArrowUp: 1, ArrowDown: -1 }[key];
  const value = Number(text.replaceAll("_", ""));
  if (!sign || !text.trim() || !Number.isFinite(value)) return null;
  return plain(Math.min(maximum ?? Infinity, Math.max(minimum ?? -Infinity, value + sign * step)));
}

// @ts-check
/** The clipboard. */

import { h } from "./dom.js";

/** Copy a text, also where the page may not use the clipboard itself. @param {HTMLElement} root @param {string} text */
export async function copyText(root, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const held = /** @type {HTMLElement | null} */ (/** @type {Document} */ (root.getRootNode()).activeElement);
    const area = h("textarea", { class: "tq-visually-hidden", "aria-hidden": "true" });
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    held?.focus();
  }
}

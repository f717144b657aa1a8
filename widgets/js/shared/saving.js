// @ts-check
/** Ctrl-S saves the notebook, also from within a widget that keeps the notebook's other shortcuts out. */

const SUPPRESSES = "data-lm-suppress-shortcuts";

/**
 * Let the key for saving through to JupyterLab; return what ends that.
 *
 * JupyterLab asks the elements around the focus whether it may take a key, while the event passes
 * the document: until it has, none of ours says no.
 */
export function letSaveThrough() {
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const isSave = event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!isSave || !(event.target instanceof Element) || !event.target.closest(".tq")) return;
    /** @type {[Element, string][]} */
    const held = [];
    for (let one = /** @type {Element | null} */ (event.target); one; one = one.parentElement) {
      const says = one.getAttribute(SUPPRESSES);
      if (says === null) continue;
      held.push([one, says]);
      one.removeAttribute(SUPPRESSES);
    }
    setTimeout(() => held.forEach(([one, says]) => one.setAttribute(SUPPRESSES, says)));
  };
  addEventListener("keydown", onKey, { capture: true });
  return () => removeEventListener("keydown", onKey, { capture: true });
}

// @ts-check
/** Keys within a widget are the widget's, and no shortcuts of the notebook; but Ctrl-S saves the notebook. */

const SUPPRESSES = "data-lm-suppress-shortcuts";

/**
 * Keep JupyterLab from taking a key as one of its shortcuts: it asks the very element that has
 * the focus. @param {FocusEvent} event
 */
export function keepKeys(event) {
  /** @type {Element} */ (event.target).setAttribute(SUPPRESSES, "true");
}

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

// @ts-check
/** The handle below the code: drag it for another height, double-click it for the one that the code needs. */

const LEAST = 80;

/**
 * Make the handle.
 * @param {HTMLElement} root of the editor, which gets `data-sized` and `--tq-editor-height`
 * @param {HTMLElement} scroller what becomes higher
 * @param {() => void} changed called when it has
 */
export function handle(root, scroller, changed) {
  const bar = document.createElement("div");
  bar.className = "tq-editor-handle";
  bar.title = "Drag to change the height; double-click for the height of the code";
  const size = (/** @type {number | null} */ height) => {
    root.toggleAttribute("data-sized", height !== null);
    root.style.setProperty("--tq-editor-height", height === null ? "auto" : `${Math.max(LEAST, Math.round(height))}px`);
    changed();
  };
  bar.addEventListener("pointerdown", (start) => {
    start.preventDefault(); // the cursor stays in the code
    bar.setPointerCapture(start.pointerId);
    const height = scroller.getBoundingClientRect().height;
    const drag = (/** @type {PointerEvent} */ event) => size(height + event.clientY - start.clientY);
    bar.addEventListener("pointermove", drag);
    bar.addEventListener("lostpointercapture", () => bar.removeEventListener("pointermove", drag), { once: true });
  });
  bar.addEventListener("dblclick", () => size(null));
  return bar;
}

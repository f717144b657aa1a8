// @ts-check
/** The open task as a drawer over a board's table, which is shut by a button or by Escape. */

import { button } from "../shared/controls.js";

/**
 * Make a display a drawer.
 * @param {import("../shared/display.js").Display} display whose model has the trait `is_open`
 */
export function makeDrawer(display) {
  const { root, model } = display;
  const shut = () => {
    const held = root.contains(display.focused);
    display.set("is_open", false);
    // The table keeps the row that was opened in the order of the Tab key.
    if (held) /** @type {HTMLElement | null} */ (root.closest(".tq-board")?.querySelector(".tq-grid[tabindex='0'], .tq-grid [tabindex='0']"))?.focus({ preventScroll: true });
  };
  root.append(button("close", "Close the task", { class: "tq-bare tq-quiet tqp-shut", onclick: shut }));
  root.classList.add("tqp-drawer");
  root.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented) return;
    event.stopPropagation();
    shut();
  });
  display.on(["is_open"], () => root.toggleAttribute("data-open", model.get("is_open")));
}

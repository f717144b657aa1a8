// @ts-check
/** The open task of a dashboard in its address, as `#task=102`. */

import { inAddress, onAddress, setAddress } from "../shared/address.js";

/**
 * Keep the address of the page true to the task that is open, and the open task true to the address.
 * @param {import("../shared/display.js").Display} display of a drawer
 * @param {any} kept what was kept of the task that was open when the page was left: its id, its number, its tab
 */
export function followAddress(display, kept) {
  const { model } = display;
  const shown = () => (model.get("is_open") && model.get("state") === "ready" ? String(model.get("head").number) : "");
  const go = () => {
    const asked = inAddress("task");
    if (asked === shown()) return;
    if (!asked) display.set("is_open", false);
    else if (String(kept?.number) === asked && model.get("state") === "empty") display.send({ type: "show", id: kept.id, tab: kept.tab });
    else display.send({ type: "open", id: asked });
  };
  display.ends.push(onAddress(go));
  go();
  for (const trait of ["head", "state", "is_open"]) {
    display.listen(`change:${trait}`, () => {
      // Until it is read, and when it is gone, the address says what was asked for.
      if (model.get("state") === "ready" || !model.get("is_open")) setAddress({ task: shown() });
    });
  }
}

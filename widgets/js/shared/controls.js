// @ts-check
/** The controls and marks that all widgets share. */

import { h } from "./dom.js";
import { icon } from "./icons.js";

/** @type {Record<string, string>} */
export const STATUSES = { QUEUEING: "Queueing", RUNNING: "Running", FINISHED: "Finished", FAILED: "Failed", CANCELLED: "Cancelled" };

/** A button with an icon, a label, or both. @param {string} name @param {string} label @param {Record<string, any>} props */
export function button(name, label, props) {
  const bare = props.class?.includes("tqp-bare");
  return h("button", { type: "button", ...(bare ? { "aria-label": label, title: label } : {}), ...props, class: `tqp-button ${props.class ?? ""}` },
    name ? icon(name) : null, bare ? null : h("span", {}, label));
}

/** @param {string} status */
export function statusChip(status) {
  return h("span", { class: "tqp-status", "data-status": status }, icon(status), STATUSES[status] ?? status);
}

// @ts-check
/** Icons: strokes of one width on a 16 × 16 grid. */

import { svg } from "./dom.js";

/** @type {Record<string, string>} */
const ICONS = {
  QUEUEING: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.5V8l2.25 1.75",
  RUNNING: "M8 1.75a6.25 6.25 0 1 1-6.25 6.25",
  FINISHED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.25 8.25l2 2l3.5-4",
  FAILED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.75v4M8 11.1v.15",
  CANCELLED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.25 8h5.5",
  away: "M8 2L14.5 13.5h-13zM8 6.5v3.25M8 11.4v.1",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 1.9v3h-3",
  cancel: "M4 4h8v8H4z",
  edit: "M3 13l.75-3L10.5 3.25l2.25 2.25L6 12.25zM9 4.75L11.25 7",
  copy: "M5.75 5.75h7.5v7.5h-7.5zM10.25 5.5V2.75h-7.5v7.5H5.5",
  close: "M4 4l8 8M12 4l-8 8",
  add: "M8 3v10M3 8h10",
  down: "M4 6.5l4 4l4-4",
  open: "M6.5 4l4 4l-4 4",
  submit: "M2.5 8h10M8.5 4l4 4l-4 4",
  pick: "M3 3.5h10M3 8h6M3 12.5h4M11 9.5v5M8.5 12h5",
};

/** @param {string} name */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", class: `tqp-icon tqp-icon-${name}`, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

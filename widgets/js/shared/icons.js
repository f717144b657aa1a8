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
  back: "M13.5 8h-10M7.5 4l-4 4l4 4",
  line: "M2.25 2.5v11.25H14M4.5 10.5l3-4l2.5 2l3.5-5",
  submit: "M2.5 8h10M8.5 4l4 4l-4 4",
  search: "M7 2.25a4.75 4.75 0 1 1 0 9.5a4.75 4.75 0 0 1 0-9.5M10.5 10.5L14 14",
  columns: "M2 3.25h12v9.5H2zM6 3.25v9.5M10 3.25v9.5",
  comfortable: "M2 4h12M2 8h12M2 12h12",
  compact: "M2 3h12M2 6.33h12M2 9.66h12M2 13h12",
  up: "M4 9.5L8 5.5l4 4",
  csv: "M8 2.5v7M5 6.75l3 3l3-3M2.5 13.25h11",
  delete: "M2.75 4.25h10.5M6.25 4V2.5h3.5V4M4 4.25l.6 9.25h6.8L12 4.25M6.75 7v3.75M9.25 7v3.75",
  empty: "M2 9.5L4.25 3.5h7.5L14 9.5v3.25H2zM2 9.5h3.75l1 1.5h2.5l1-1.5H14",
  large: "M9.5 2.5h4v4M13.25 2.75L9.5 6.5M6.5 13.5h-4v-4M2.75 13.25L6.5 9.5",
  python: "M4 4.5L7.5 8L4 11.5M8.75 12h4",
  share: "M6.1 7.1l3.8-2.2M6.1 8.9l3.8 2.2M4.25 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4M11.75 1.9a2 2 0 1 1 0 4a2 2 0 0 1 0-4M11.75 10.1a2 2 0 1 1 0 4a2 2 0 0 1 0-4",
  pick: "M3 3.5h10M3 8h6M3 12.5h4M11 9.5v5M8.5 12h5",
};

/** @param {string} name of a status or of what is done */
export function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", class: `tq-icon tq-icon-${name}`, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

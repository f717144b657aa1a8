// @ts-check
/**
 * A plain picture of the board in the notebook's file, for whoever opens it without a kernel.
 *
 * A widget is saved as a reference into its kernel, which is worth nothing later. So, when
 * JupyterLab saves the notebook, an output of plain HTML is put behind the board's, made of what the page shows at
 * that moment. As long as the board is there, a rule of `tokens.css` hides it.
 */

import { h } from "../shared/dom.js";

const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";
const SNAPSHOT_CLASS = "taskq-snapshot";
/** The longest text that is taken over from the task that is open. */
const SNAPSHOT_CHARACTERS = 2000;
/** What the open task says: no buttons, and of a picture what stands below it. */
const TEXTS = ".tqp-panel > :not(.tqp-taking, .tqp-code-actions, .tqp-more-button, .tqp-picture, .tqp-series, .tqp-log-place), "
  + ".tqp-panel > .tqp-picture figcaption, .tqp-panel .tqp-curve h4, .tqp-panel .tqp-log";

/**
 * Keep the snapshot as current as the file; return what ends that.
 * @param {any} context JupyterLab's of the notebook; undefined elsewhere
 * @param {string} board the id of the board's model
 * @param {() => string | null} draw
 */
export function keepSnapshot(context, board, draw) {
  if (!context?.saveState || !context.model?.cells) return () => {};
  const listener = (/** @type {any} */ _context, /** @type {string} */ state) => {
    const html = state === "started" ? draw() : null; // before the notebook is written
    if (html !== null) putSnapshot(context.model.cells, board, html);
  };
  context.saveState.connect(listener);
  return () => context.saveState.disconnect(listener);
}

/** @param {any} cells of the notebook @param {string} board @param {string} html */
function putSnapshot(cells, board, html) {
  for (const cell of cells) {
    const { outputs } = cell;
    if (!outputs) continue;
    const places = Array.from({ length: outputs.length }, (_, i) => i);
    if (!places.some((i) => outputs.get(i).data[WIDGET_VIEW]?.model_id === board)) continue;
    const output = { output_type: "display_data", data: { "text/html": html, "text/plain": "The taskq board, as it was when it was saved" }, metadata: {} };
    const old = places.find((i) => String(outputs.get(i).data["text/html"] ?? "").includes(SNAPSHOT_CLASS));
    if (old === undefined) outputs.add(output);
    else outputs.set(old, output);
  }
}

/** What a board shows, as HTML of text alone. @param {Element} board @returns {string} */
export function drawSnapshot(board) {
  const text = (/** @type {string} */ part) => /** @type {HTMLElement | null} */ (board.querySelector(part))?.textContent?.trim() ?? "";
  const line = (/** @type {"p" | "pre"} */ tag, /** @type {string} */ content) => (content ? h(tag, {}, content) : null);
  const counts = [...board.querySelectorAll(".tqp-overview .tq-chip")].map((chip) => `${chip.querySelector(".tq-chip-label")?.textContent} ${chip.lastElementChild?.textContent}`);
  const opened = text(".tqp-drawer[data-open] h2");
  const parts = board.querySelectorAll(TEXTS);
  const shown = [...parts].map((part) => part.textContent).join("\n").slice(0, SNAPSHOT_CHARACTERS);
  const task = opened
    ? h("div", {}, h("p", {}, h("b", {}, opened), ` ${text(".tqp-detail .tq-status")} · ${text(".tqp-facts")}`), line("pre", shown))
    : null;
  const saved = new Date().toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("div", { class: SNAPSHOT_CLASS },
    h("p", {}, h("b", {}, "The taskq board"), `, as it was when this notebook was saved (${saved}). Run the cell to work with it.`),
    line("p", counts.join(" · ")), task, snapshotBatches(board), snapshotTable(board)).outerHTML;
}

/** How far each batch in sight is. @param {Element} board */
function snapshotBatches(board) {
  const rows = [...board.querySelectorAll(".tq-batch-row")];
  return rows.length ? h("ul", {}, ...rows.map((row) => h("li", {}, row.textContent))) : null;
}

/** The rows of the table that are in sight. @param {Element} board */
function snapshotTable(board) {
  const cells = (/** @type {Element} */ row, /** @type {string} */ role) => [...row.querySelectorAll(`[role=${role}]`)].map((cell) => cell.textContent?.trim() ?? "").slice(1);
  const rows = [...board.querySelectorAll(".tq-body > .tq-row:not(.tq-pending)")].sort((a, b) => Number(a.ariaRowIndex) - Number(b.ariaRowIndex));
  const head = board.querySelector(".tq-table [role=columnheader]")?.parentElement;
  if (!rows.length || !head) return null;
  return h("table", {}, h("thead", {}, h("tr", {}, ...cells(head, "columnheader").map((name) => h("th", {}, name)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...cells(row, "gridcell").map((cell) => h("td", {}, cell))))));
}

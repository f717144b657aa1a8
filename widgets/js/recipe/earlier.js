// @ts-check
/** Runs and sweeps of recipes that were there before: one's own first, each a button that shows it. */

import { STATUSES } from "../shared/controls.js";
import { h } from "../shared/dom.js";
import { ago } from "../shared/format.js";
import { icon } from "../shared/icons.js";

/** @typedef {{ id: string, number: number | null, status: string, recipe: string, title: string, said: string, created: number, own: boolean, points?: number }} Run
 * A sweep has `points`, and no number. */

/**
 * @param {Run[]} runs @param {boolean} titled whether each says which recipe it is of
 * @param {(run: Run) => void} open @param {string} current the id of the one that is shown
 */
export function earlierRuns(runs, titled, open, current = "") {
  const groups = [["Your runs", runs.filter(({ own }) => own)], ["Runs of others", runs.filter(({ own }) => !own)]];
  return /** @type {[string, Run[]][]} */ (groups).filter(([, some]) => some.length).map(([title, some]) => h("section", { class: "tqr-runs" },
    h(titled ? "h2" : "h3", {}, title),
    h("ul", {}, ...some.map((run) => h("li", {}, row(run, titled, open, run.id === current))))));
}

/** @param {Run} run @param {boolean} titled @param {(run: Run) => void} open @param {boolean} current */
function row(run, titled, open, current) {
  const { number, status, title, said, created } = run;
  return h("button", { type: "button", class: "tqr-run", "data-status": status, "aria-current": current ? "true" : null, onclick: () => open(run) },
    icon(status), h("span", { class: "tq-visually-hidden" }, `${STATUSES[status]}: `),
    h("span", { class: "tqr-run-said" }, titled ? h("strong", {}, title) : null, titled && said ? " · " : "", said || (titled ? "" : "as it comes")),
    h("span", { class: "tqr-run-when" }, `${number ? `${number} · ` : ""}${ago(Math.max(0, Date.now() / 1000 - created))}`));
}

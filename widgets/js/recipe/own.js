// @ts-check
/** Which runs and sweeps were submitted in this browser: people who share a dashboard share the owner's name, too. */

import { Keep, browserStorage } from "../shared/keep.js";

/** So many are remembered. */
const MOST = 200;

/** @param {any} model */
const kept = (model) => new Keep(browserStorage("localStorage"), "runs", model);

/** The ids of the runs; those of sweeps after `batch:`. @param {any} model @returns {Set<string>} */
export function ownRuns(model) {
  const found = kept(model).read();
  return new Set(Array.isArray(found) ? found.filter((one) => typeof one === "string") : []);
}

/** @param {any} model @param {string} id */
export function rememberRun(model, id) {
  const runs = [id, ...ownRuns(model)].slice(0, MOST);
  kept(model).write([...new Set(runs)]);
}

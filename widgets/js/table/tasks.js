// @ts-check
/**
 * What Python sends of the tasks (see `view.py` for the messages), and the page of rows that came last.
 *
 * @typedef {{ text: string, statuses: string[], after: number | null, before: number | null,
 *   within_s: number | null, batch: string | null, points: boolean | null, owner: string | null, sort: string, descending: boolean }} Query
 * `points`: whether the points of batches are rows; null for wherever a filter asks for some.
 * Of the selection: how many tasks, how many of them can be cancelled, run, are not in this view, have finished.
 * @typedef {[number, number, number, number, number]} Selection
 * @typedef {{ total: number, all: number, counts: Record<string, number>, query: Query, taken: string, query_count: number,
 *   selection_count: number, selection: Selection, selected: string[],
 *   batches: import("./batch_row.js").Batch[], batches_total: number }} Head
 * @typedef {{ view: string, head?: Partial<Head>, first?: number, ids?: string[],
 *   rows?: Record<string, any[]>, cells?: Record<string, [number, any][]> }} Patch
 * @typedef {{ number: number, name: string, code: string, value: string, whole: string, kind: string,
 *   status: string, progress: number | null, note: string, seconds: number | null, worker: string,
 *   attempt: number, attempts: number, created: number | null, started: number | null, owner: string,
 *   queue: string, batch: string, arguments: [string, string][], told: number }} Task `told` is when its progress was
 */

import fields from "./fields.json" with { type: "json" };

/** What a row holds, in this order. */
const CELLS = fields.cells;

/** The rows that Python sent last. */
export class Page {
  first = 0;
  /** @type {string[]} */
  ids = [];
  /** @type {Map<string, Task>} */
  tasks = new Map();

  /** Take in a patch. @param {Patch} patch */
  apply(patch) {
    for (const [id, cells] of Object.entries(patch.rows ?? {})) {
      this.put(id, Object.fromEntries(CELLS.map((name, i) => [name, cells[i]])));
    }
    for (const [id, cells] of Object.entries(patch.cells ?? {})) this.change(id, cells);
    if (patch.first !== undefined) this.first = patch.first;
    if (patch.ids) {
      this.ids = patch.ids;
      const kept = new Set(patch.ids);
      for (const id of this.tasks.keys()) if (!kept.has(id)) this.tasks.delete(id);
    }
  }

  /** @param {string} id @param {[number, any][]} cells */
  change(id, cells) {
    const task = this.tasks.get(id);
    if (task) this.put(id, { ...task, ...Object.fromEntries(cells.map(([i, value]) => [CELLS[i], value])) });
  }

  /** Keep a task, and when its progress was told. @param {string} id @param {any} task */
  put(id, task) {
    const before = this.tasks.get(id);
    const same = before?.progress === task.progress && before?.attempt === task.attempt;
    this.tasks.set(id, { ...task, told: same ? before?.told : Date.now() / 1000 });
  }

  /** The id at a place in the whole order, if it is here. @param {number} place */
  idAt(place) {
    return this.ids[place - this.first];
  }

  /** The place of an id in the whole order, -1 when it is not here. @param {string} id */
  placeOf(id) {
    const i = this.ids.indexOf(id);
    return i < 0 ? -1 : i + this.first;
  }
}

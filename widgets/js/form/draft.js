// @ts-check
/** What stands in the form, kept in the browser for the day when the kernel is gone. */

import { Keep, browserStorage } from "../shared/keep.js";
import { debounce } from "../shared/timing.js";

/**
 * @typedef {{ code: string, name: string, arguments: string[][] }} Initial what the form began with
 * @typedef {{ model: import("../shared/display.js").Model, editor: any, fields: Record<string, any>,
 *   typed(): Record<string, any>, putBack(typed: Record<string, any>, code: string): void }} Form
 */

/** A draft is kept so long after the last change. */
const DRAFT_MS = 300;

/**
 * Keep what stands in a form, and put back what was kept into one that nobody has touched; return what ends that.
 * @param {Form} form whose editor is there
 */
export function keepDraft(form) {
  const { model, editor } = form;
  const kept = new Keep(browserStorage("localStorage"), "draft", model);
  const initial = model.get("initial");
  const untouched = () => isAsAtFirst(form.typed(), editor.get("value"), initial);
  const draft = kept.read();
  if (beganAlike(draft, initial) && untouched()) form.putBack(draft.form, draft.code);
  const write = () => kept.write(untouched() ? null : { initial, code: editor.get("value"), form: form.typed() });
  const later = debounce(write, DRAFT_MS);
  const names = [...Object.keys(form.fields), "arguments"].map((name) => `change:${name}`).join(" ");
  model.on(names, later);
  editor.on("change:value", later);
  addEventListener("pagehide", write);
  return () => {
    later.stop();
    model.off(names, later);
    editor.off("change:value", later);
    removeEventListener("pagehide", write);
  };
}

/** @param {any} draft @param {Initial} initial */
const beganAlike = (draft, initial) => draft?.initial?.code === initial.code && draft.initial.name === initial.name;

/** @param {Record<string, any>} typed @param {string} code @param {Initial} initial */
function isAsAtFirst({ name, priority, arguments: given, ...options }, code, initial) {
  return code === initial.code && name === initial.name && priority === "normal" && JSON.stringify(given) === JSON.stringify(initial.arguments)
    && Object.values(options).every((text) => text === "");
}

// @ts-check
/** Asking before something is done to many tasks: how many, and what comes of it. */

import { button } from "../shared/controls.js";
import { h } from "../shared/dom.js";
import { amount, counted } from "../shared/format.js";

/** @typedef {import("./tasks.js").Selection} Selection */

/** The title of the question, and what the button does. @type {Record<string, { title: (tasks: string) => string, verb: string }>} */
const QUESTIONS = {
  cancel: { title: (tasks) => `Cancel ${tasks}?`, verb: "Cancel" },
  retry: { title: (tasks) => `Run ${tasks} again?`, verb: "Retry" },
  delete: { title: (tasks) => `Delete ${tasks}?`, verb: "Delete" },
};

/** Whether an action is asked about. @param {string} action */
export const isConfirmed = (action) => action in QUESTIONS;

/** What a person should know before confirming. @param {string} action @param {Selection} selection */
function consequences(action, [count, cancellable, running, hidden, finished]) {
  const others = action === "cancel" ? count - cancellable : action === "retry" ? cancellable : 0;
  const ended = count - cancellable;
  const afresh = ended - finished;
  const said = [
    action === "cancel" && running ? `${amount(running)} of them ${running === 1 ? "is" : "are"} running and will be stopped.` : "",
    action === "delete" ? `${count === 1 ? "Its result goes with it" : "Their results go with them"}; this cannot be undone.` : "",
    action === "delete" && running ? `${amount(running)} of them ${running === 1 ? "is" : "are"} running and will be cancelled first.` : "",
    action === "retry" && afresh ? `${ended === 1 ? "It is" : !finished ? "Each is" : `${amount(afresh)} of them ${afresh === 1 ? "is" : "are"}`} queued again, as a new attempt.` : "",
    action === "retry" && finished ? `${ended === 1 ? "It has" : !afresh ? "They have" : `${amount(finished)} of them ${finished === 1 ? "has" : "have"}`} finished and ${finished === 1 ? "keeps its value: a new task repeats it" : "keep their values: new tasks repeat them"}.` : "",
    others && action === "cancel" ? `${counted(others, "selected task")} ${others === 1 ? "has" : "have"} ended already and ${others === 1 ? "stays" : "stay"} as ${others === 1 ? "it is" : "they are"}.` : "",
    others && action === "retry" ? `${counted(others, "selected task")} ${others === 1 ? "has" : "have"} not ended and ${others === 1 ? "is" : "are"} left alone.` : "",
    hidden < 0 ? "Some of the selected may not be in this view." : "",
    hidden > 0 ? `${amount(hidden)} of the selected ${hidden === 1 ? "is" : "are"} not in this view.` : "",
  ];
  return said.filter(Boolean).join(" ");
}

/**
 * Ask before acting on the selection. Resolves with whether the user confirmed.
 * @param {HTMLElement} root @param {string} action @param {Selection} selection
 * @returns {Promise<boolean>}
 */
export function confirmed(root, action, selection) {
  const [count, cancellable] = selection;
  const tasks = counted(action === "cancel" ? cancellable : action === "retry" ? count - cancellable : count, "task");
  const { title, verb } = QUESTIONS[action];
  return asked(root, { title: title(tasks), text: consequences(action, selection), verb: `${verb} ${tasks}`, danger: action !== "retry", careful: action === "delete" });
}

/**
 * Ask before acting. Resolves with whether the user confirmed.
 * @param {HTMLElement} root
 * @param {{ title: string, text: string, verb: string, danger: boolean, careful?: boolean }} question `careful`: what cannot be undone
 * @returns {Promise<boolean>}
 */
export function asked(root, { title, text, verb, danger, careful = false }) {
  const dialog = h("dialog", { class: "tq-dialog", "aria-labelledby": "tq-dialog-title" });
  const go = button("", verb, { class: `tq-primary ${danger ? "tq-danger" : ""}`, onclick: () => dialog.close("yes") });
  const keep = button("", "Back", { onclick: () => dialog.close("") });
  dialog.append(h("h2", { id: "tq-dialog-title" }, title), h("p", {}, text), h("div", { class: "tq-dialog-buttons" }, keep, go));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(""));
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  root.append(dialog);
  dialog.showModal();
  (careful ? keep : go).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

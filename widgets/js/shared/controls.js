// @ts-check
/** The controls and marks that all widgets share; `controls.css` has their style. */

import { h, setText } from "./dom.js";
import { icon } from "./icons.js";

/** @type {Record<string, string>} */
export const STATUSES = { QUEUEING: "Queueing", RUNNING: "Running", FINISHED: "Finished", FAILED: "Failed", CANCELLED: "Cancelled" };

/**
 * A button with an icon, a label, or both; one of the class `tq-bare` shows its icon alone.
 * @param {string} name of the icon @param {string} label @param {Record<string, any>} props
 */
export function button(name, label, props) {
  const bare = props.class?.includes("tq-bare");
  return h("button", { type: "button", ...(bare ? { "aria-label": label, title: label } : {}), ...props, class: `tq-button ${props.class ?? ""}` },
    name ? icon(name) : null, bare ? null : h("span", { class: "tq-button-label" }, label));
}

/** Say on a button for a moment that it has done its work. @param {HTMLElement} place @param {string} text */
export function sayDone(place, text) {
  const label = /** @type {HTMLElement} */ (place.querySelector(".tq-button-label"));
  const usual = place.dataset.label ??= label.textContent ?? "";
  setText(label, text);
  place.toggleAttribute("data-done", true);
  setTimeout(() => {
    place.removeAttribute("data-done");
    setText(label, usual);
  }, 2000);
}

/** A select with an arrow of its own. @param {HTMLSelectElement} select @param {string} [name] a further class */
export function dropDown(select, name = "") {
  return h("span", { class: `tq-select ${name}` }, select, icon("down"));
}

/** What is put on the page for an input. @param {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input */
export const inputElement = (input) => (input instanceof HTMLSelectElement ? dropDown(input) : input);

/** @param {string} status */
export function statusChip(status) {
  return h("span", { class: "tq-status", "data-status": status }, icon(status), STATUSES[status] ?? status);
}

/**
 * A chip with a status, or all, and how many tasks have it; one that filters when it has something to call.
 * @param {string} status empty for all @param {(() => void) | null} call
 */
export function countChip(status, call) {
  const props = { class: "tq-chip", "data-status": status || null };
  const content = [status ? icon(status) : null, h("span", { class: "tq-chip-label" }, STATUSES[status] ?? "All"), h("b", {}, "0")];
  return call ? h("button", { type: "button", ...props, "aria-pressed": "false", onclick: call }, ...content) : h("span", props, ...content);
}

/** A bar from 0 to 1, which moves along where nobody knows how far it is. @param {string} name a further class */
export function progressBar(name) {
  const bar = h("div", { class: `tq-progress ${name}`, role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 });
  /** @param {number | null} share */
  const show = (share) => {
    const percent = share === null ? null : Math.round(100 * Math.max(0, Math.min(1, share)));
    bar.toggleAttribute("data-unknown", percent === null);
    bar.style.setProperty("--tq-share", String(share === null ? 0 : Math.max(0, Math.min(1, share))));
    if (percent === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", String(percent));
    return percent;
  };
  return { bar, show };
}

/** What is said in the place of something that cannot be shown. @param {string} name of an icon @param {string} title @param {...(Node | string)} more */
export function notice(name, title, ...more) {
  return [icon(name), h("p", { class: "tq-notice-title" }, title), ...more];
}

/** A line that is said for some seconds, over a display. @param {HTMLElement} root */
export function toast(root) {
  const element = h("div", { class: "tq-toast", role: "status" });
  /** @type {number | undefined} */
  let hush;
  root.append(element);
  return {
    /** @param {string} text @param {string} kind `info` or `error` */
    say(text, kind) {
      element.dataset.kind = kind;
      element.setAttribute("role", kind === "error" ? "alert" : "status");
      setText(element, text);
      clearTimeout(hush);
      hush = window.setTimeout(() => setText(element, ""), kind === "error" ? 10_000 : 4000);
    },
    close: () => clearTimeout(hush),
  };
}

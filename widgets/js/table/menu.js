// @ts-check
/** A button that opens a panel of check boxes below it. */

import { button } from "../shared/controls.js";
import { h } from "../shared/dom.js";

/** @typedef {{ label: string, checked: boolean, call: () => void }} Item */

export class Menu {
  /** @param {string} label @param {string} picture @param {() => Item[][]} groups what it holds now */
  constructor(label, picture, groups) {
    this.groups = groups;
    this.refilling = false;
    this.button = button(picture, label, { "aria-expanded": "false", "aria-label": label, title: label, onclick: () => this.toggle() });
    this.panel = h("div", { class: "tq-menu", role: "group", "aria-label": label, hidden: true });
    this.element = h("div", { class: "tq-menu-root" }, this.button, this.panel);
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("focusout", (event) => this.onFocusOut(event));
  }

  toggle() {
    this.panel.hidden = !this.panel.hidden;
    this.button.setAttribute("aria-expanded", String(!this.panel.hidden));
    if (this.panel.hidden) return;
    this.refresh();
    const foot = /** @type {Element} */ (this.element.closest(".tq")).getBoundingClientRect().bottom;
    // A short table cuts what hangs over its edge: the list scrolls instead.
    this.panel.style.maxHeight = `${Math.round(foot - this.panel.getBoundingClientRect().top) - 8}px`;
    this.boxes[0]?.focus();
  }

  get boxes() {
    return [...this.panel.querySelectorAll("input")];
  }

  /** Fill the panel anew, keeping the focus on the same item. */
  refresh() {
    if (this.panel.hidden) return;
    const held = this.boxes.findIndex((box) => box.matches(":focus"));
    this.refilling = true;
    this.panel.replaceChildren(...this.groups().filter((group) => group.length)
      .flatMap((group, i) => [...(i ? [h("hr")] : []), ...group.map(itemElement)]));
    this.refilling = false;
    this.boxes[held]?.focus();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "Escape" || this.panel.hidden) return;
    event.stopPropagation();
    this.toggle();
    this.button.focus();
  }

  /** @param {FocusEvent} event */
  onFocusOut(event) {
    if (this.refilling || this.panel.hidden || this.element.contains(/** @type {Node | null} */ (event.relatedTarget))) return;
    if (event.relatedTarget === null && this.panel.matches(":hover")) return;
    this.toggle();
  }
}

/** @param {Item} item */
function itemElement({ label, checked, call }) {
  const box = h("input", { type: "checkbox", onchange: call });
  box.checked = checked;
  return h("label", { class: "tq-menu-item" }, box, label);
}

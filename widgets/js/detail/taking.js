// @ts-check
/**
 * What can be done with a task's value: copied, saved as a file, seen large, taken to Python.
 *
 * The whole value is meant, and not what is shown of it: what is not on the page is fetched
 * from the kernel, piece by piece. Pictures that the page draws are made into files here.
 */

import { copyText } from "../shared/clipboard.js";
import { button, sayDone } from "../shared/controls.js";
import { h, setText } from "../shared/dom.js";
import { saveAs } from "../shared/save.js";
import { asPng, curvesAsSvg, pictureAsSvg, svgAddress } from "./images.js";
import { fill, resultParts } from "./result.js";
import { GivenUp, Transfer } from "./transfer.js";

/** What each form is called, and its MIME type. @type {Record<string, [label: string, mime: string]>} */
const FORMS = {
  csv: ["CSV", "text/csv"], npy: ["NumPy (.npy)", "application/octet-stream"], npz: ["NumPy (.npz)", "application/octet-stream"],
  json: ["JSON", "application/json"], svg: ["SVG", "image/svg+xml"], png: ["PNG", "image/png"], jpeg: ["JPEG", "image/jpeg"],
  gif: ["GIF", "image/gif"], html: ["HTML", "text/html"],
};

/** What takes longer says so. */
const WAITING_MS = 600;

export class Taking {
  /**
   * @param {HTMLElement} root of the display @param {(content: Record<string, any>) => void} send to Python
   * @param {(text: string) => void} refuse tells why something cannot be had
   * @param {{ transfer?: Transfer, noun?: "value" | "series" }} [of] whose it is; a display takes one file at a time
   */
  constructor(root, send, refuse, { transfer = new Transfer(send), noun = "value" } = {}) {
    this.root = root;
    this.send = send;
    this.refuse = refuse;
    /** @type {Record<string, any>} */
    this.result = {};
    this.number = 0;
    this.noun = noun;
    this.transfer = transfer;
    /** Whether a file is being taken. */
    this.busy = false;
    /** The forms that the menu offers. */
    this.offered = "";
    this.copyButton = button("copy", "Copy", { onclick: () => this.copy(), title: `Copy the whole ${noun}` });
    this.saveButton = button("csv", "Download", { onclick: () => this.toggle(), "aria-expanded": "false", "aria-haspopup": "true", title: `Download the whole ${noun}` });
    this.largeButton = button("large", "Enlarge", { onclick: () => this.enlarge(), title: "See it large" });
    this.pythonButton = button("python", "Python", { onclick: () => this.toPython(), "aria-expanded": "false", title: "Take it to Python" });
    this.menu = h("div", { class: "tqp-forms", popover: "auto", role: "group", "aria-label": "Download as" });
    this.menu.addEventListener("toggle", (event) => this.saveButton.setAttribute("aria-expanded", String(/** @type {ToggleEvent} */ (event).newState === "open")));
    this.code = h("code", {});
    this.python = h("p", { class: "tqp-python", hidden: true }, this.code, h("span", { class: "tqp-quiet-text", role: "status" }));
    this.large = h("div", { class: "tqp-large-body" });
    this.dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "tqp-large", "aria-label": `The task's ${noun}` },
      button("close", "Close", { class: "tq-bare tqp-large-close", onclick: () => this.dialog.close() }), this.large));
    this.dialog.addEventListener("close", () => this.large.replaceChildren());
    for (const place of [this.dialog, this.menu]) place.addEventListener("keydown", (event) => keepEscape(/** @type {KeyboardEvent} */ (event)));
    this.element = h("div", { class: "tqp-taking" }, this.copyButton, this.saveButton, this.largeButton, this.pythonButton, this.menu, this.python);
    root.append(this.dialog);
  }

  /** @param {Record<string, any>} result @param {number} number of the task */
  show(result, number) {
    if (number !== this.number || result.python !== this.result.python) this.forget();
    this.result = result;
    this.number = number;
    this.element.hidden = !result.python;
    this.saveButton.hidden = this.copyButton.hidden = !this.forms.length;
    setText(this.code, result.python ?? "");
    const { forms } = this;
    if (forms.join() !== this.offered) { // a button that is made anew loses the focus
      this.offered = forms.join();
      this.menu.replaceChildren(...forms.map((form) => h("button", { type: "button", "data-form": form, onclick: () => this.save(form) }, FORMS[form][0])));
    }
    if (this.dialog.open) fill(this.large, resultParts(result, this.send));
  }

  /** Another task is shown. */
  forget() {
    this.transfer.giveUp();
    this.dialog.close();
    if (this.menu.matches(":popover-open")) this.menu.hidePopover();
    this.python.hidden = true;
    this.pythonButton.setAttribute("aria-expanded", "false");
  }

  /** The forms that it can be had in: those that Python makes, and those that the page draws. */
  get forms() {
    const { files = [], picture, form, curves } = this.result;
    const drawn = picture || curves?.length ? ["svg", "png"] : form === "image" && !files.includes("png") ? ["png"] : [];
    return [...files, ...drawn].filter((one, i, all) => all.indexOf(one) === i);
  }

  // -- copying

  async copy() {
    if (this.busy) {
      this.transfer.giveUp();
      return;
    }
    try {
      if (this.result.form === "image") await this.copyImage();
      else await copyText(this.root, await this.text());
      sayDone(this.copyButton, "Copied");
    } catch (error) {
      if (!(error instanceof GivenUp)) this.refuse(`It could not be copied: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** All of the value as text; what the page has of it if that is all. */
  async text() {
    const { form, text, more, source, note } = this.result;
    if (form === "curves") return new TextDecoder().decode(await new Blob(await this.take("csv", this.copyButton)).arrayBuffer());
    if (["value", "text"].includes(form) && !more && !source && !note) return text;
    return new TextDecoder().decode(await new Blob(await this.take("text", this.copyButton)).arrayBuffer());
  }

  async copyImage() {
    const png = asPng(this.result.source);
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    } catch {
      throw new Error("the browser lets no picture be copied here; download it");
    }
  }

  // -- saving

  toggle() {
    if (this.busy) {
      this.transfer.giveUp();
      return;
    }
    this.menu.togglePopover();
    if (!this.menu.matches(":popover-open")) return;
    const { left, bottom } = this.saveButton.getBoundingClientRect();
    Object.assign(this.menu.style, { left: `${Math.min(left, innerWidth - this.menu.offsetWidth - 8)}px`, top: `${Math.min(bottom + 4, innerHeight - this.menu.offsetHeight - 8)}px` });
    /** @type {HTMLElement | null} */ (this.menu.firstElementChild)?.focus();
  }

  /** @param {string} form */
  async save(form) {
    this.menu.hidePopover();
    this.saveButton.focus();
    try {
      saveAs(await this.file(form), `task-${this.number}${this.noun === "value" ? "" : `-${this.noun}`}.${form === "jpeg" ? "jpg" : form}`);
    } catch (error) {
      if (!(error instanceof GivenUp)) this.refuse(`It could not be downloaded: ${/** @type {Error} */ (error).message}`);
    }
  }

  /** @param {string} form @returns {Promise<Blob>} */
  async file(form) {
    const { picture, curves, source, files = [] } = this.result;
    const type = FORMS[form][1];
    if (files.includes(form)) return new Blob(await this.take(form, this.saveButton), { type });
    if (!picture && !curves) return asPng(source);
    const text = curves ? curvesAsSvg(curves) : pictureAsSvg(picture);
    return form === "svg" ? new Blob([text], { type }) : asPng(svgAddress(text));
  }

  /** Have the kernel make a file, and tell how much of it is there. @param {string} form @param {HTMLElement} place */
  async take(form, place) {
    const label = /** @type {HTMLElement} */ (place.querySelector("span"));
    const usual = place.dataset.label ??= label.textContent ?? "";
    place.setAttribute("aria-busy", "true");
    this.busy = true;
    const waiting = setTimeout(() => setText(label, "Waiting, stop"), WAITING_MS); // a kernel that runs a cell answers later
    try {
      return await this.transfer.take(this.noun === "series" ? "series" : form, (share) => {
        clearTimeout(waiting);
        if (share < 1) setText(label, `${Math.round(100 * share)} %, stop`);
      });
    } finally {
      clearTimeout(waiting);
      this.busy = false;
      place.removeAttribute("aria-busy");
      setText(label, usual);
    }
  }

  // -- looking, and Python

  enlarge() {
    fill(this.large, resultParts(this.result, this.send));
    this.dialog.showModal();
  }

  async toPython() {
    this.python.hidden = !this.python.hidden;
    this.pythonButton.setAttribute("aria-expanded", String(!this.python.hidden));
    if (this.python.hidden) return;
    await copyText(this.root, this.result.python);
    setText(/** @type {HTMLElement} */ (this.python.lastElementChild), "Copied");
  }
}

/** Escape shuts what lies on top, and not what is below it. @param {KeyboardEvent} event */
function keepEscape(event) {
  if (event.key === "Escape") event.stopPropagation();
}

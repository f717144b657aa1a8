// @ts-check
/** The files of a task's folder that were kept: a list, a look into one of them, and each as a file to be saved. */

import { button } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { saveAs } from "../shared/save.js";
import { resultParts, scrolling } from "./result.js";
import { GivenUp } from "./transfer.js";

/** @typedef {{ name: string, size: string, type: string }} KeptFile */
/** @typedef {{ files?: KeptFile[], note?: string, look?: Record<string, any> }} Kept */

export class KeptView {
  /** @param {(content: Record<string, any>) => void} send to Python
   * @param {(text: string) => void} refuse tells why something cannot be had
   * @param {import("./transfer.js").Transfer} transfer of the display, which takes one file at a time */
  constructor(send, refuse, transfer) {
    this.send = send;
    this.refuse = refuse;
    this.transfer = transfer;
    this.listed = "";
    this.looked = "";
    this.body = h("tbody", {});
    this.table = h("table", { class: "tqp-grid tqp-kept" }, h("thead", {}, h("tr", {}, ...["File", "Size", "Type", ""].map((text) => h("th", { scope: "col", class: text === "Size" ? "tqp-end" : "" }, text)))), this.body);
    this.place = scrolling("Files", this.table);
    this.note = h("p", { class: "tqp-quiet-text" });
    this.look = h("section", { class: "tqp-kept-look", "aria-live": "polite" });
    this.element = h("div", {}, this.place, this.note, this.look);
  }

  /** @param {Kept} kept */
  show({ files = [], note = "", look = {} }) {
    const listed = JSON.stringify(files);
    if (listed !== this.listed) { // a button that is made anew loses the focus
      this.listed = listed;
      this.body.replaceChildren(...files.map((file) => this.row(file)));
    }
    this.place.hidden = !files.length;
    setText(this.note, note);
    this.note.hidden = !note;
    for (const chosen of this.body.querySelectorAll("[data-name]")) setAttr(chosen, "aria-pressed", String(/** @type {HTMLElement} */ (chosen).dataset.name === look.name));
    const looked = JSON.stringify(look);
    if (looked === this.looked) return;
    this.looked = looked;
    this.look.replaceChildren(...(look.name ? [h("h3", {}, look.name), ...resultParts(look, this.send)] : []));
  }

  /** @param {KeptFile} file */
  row({ name, size, type }) {
    const chosen = h("button", { type: "button", class: "tq-link", "data-name": name, "aria-pressed": "false", title: "Look into it", onclick: () => this.send({ type: "look", name }) }, name);
    const save = button("csv", "Download", { "aria-label": `Download ${name}`, onclick: () => this.save(name, save) });
    return h("tr", {}, h("td", { class: "tqp-long" }, chosen), h("td", { class: "tqp-end" }, size), h("td", {}, type), h("td", {}, save));
  }

  /** @param {string} name @param {HTMLElement} place */
  async save(name, place) {
    if (place.getAttribute("aria-busy")) {
      this.transfer.giveUp();
      return;
    }
    const label = /** @type {HTMLElement} */ (place.querySelector("span"));
    place.setAttribute("aria-busy", "true");
    try {
      const pieces = await this.transfer.take("kept", (share) => setText(label, share < 1 ? `${Math.round(100 * share)} %, stop` : "Download"), { name });
      // As bytes, whatever it is: the browser is to save it, and not to open it.
      saveAs(new Blob(pieces, { type: "application/octet-stream" }), name.split("/").at(-1) ?? name);
    } catch (error) {
      if (!(error instanceof GivenUp)) this.refuse(`It could not be downloaded: ${/** @type {Error} */ (error).message}`);
    } finally {
      place.removeAttribute("aria-busy");
      setText(label, "Download");
    }
  }
}

// @ts-check
/** How the open task's value was made, what it comes to when it runs again, and exports that others can have. */

import { copyText } from "../shared/clipboard.js";
import { button, sayDone } from "../shared/controls.js";
import { h, setText } from "../shared/dom.js";
import { saveAs } from "../shared/save.js";
import { GivenUp } from "./transfer.js";

/** @typedef {{ facts: [string, string, string][], endings: Record<string, string>, reproducible: boolean }} Made */
/** @typedef {{ of?: string, number?: number, state?: string, text?: string }} Again */

/** What each export is called on its button. */
const EXPORTS = { script: "Script", notebook: "Notebook", crate: "RO-Crate" };

export class MadeView {
  /**
   * @param {HTMLElement} root of the display @param {(content: Record<string, any>) => void} send to Python
   * @param {(text: string) => void} refuse tells why something cannot be had
   * @param {import("./transfer.js").Transfer} transfer a display takes one file at a time
   */
  constructor(root, send, refuse, transfer) {
    this.root = root;
    this.refuse = refuse;
    this.transfer = transfer;
    this.number = 0;
    /** @type {Made} */
    this.made = { facts: [], endings: {}, reproducible: false };
    this.again = button("retry", "Reproduce", { onclick: () => send({ type: "reproduce" }), title: "Run it again with everything the same, and compare the values" });
    /** @type {Record<string, HTMLElement>} */
    this.exports = Object.fromEntries(Object.entries(EXPORTS).map(([form, label]) => [form, button("csv", label, { onclick: () => this.save(form), title: `Save it as ${form === "crate" ? "an RO-Crate" : `a ${form}`} that needs no taskq` })]));
    this.cite = button("copy", "Cite this", { onclick: () => this.copyCitation(), title: "Copy BibTeX" });
    this.verdict = h("p", { class: "tqp-verdict", role: "status", hidden: true });
    this.table = h("div", {});
    this.element = h("div", { class: "tqp-made" }, h("div", { class: "tqp-code-actions" }, this.again, ...Object.values(this.exports), this.cite), this.verdict, this.table);
  }

  /** @param {Made} made @param {number} number of the task @param {Again} again what its repetition has come to */
  show(made, number, again) {
    this.number = number;
    this.made = made;
    this.again.hidden = !made.reproducible;
    setDisabled(this.again, again.state === "running");
    for (const one of [...Object.values(this.exports), this.cite]) one.hidden = !Object.keys(made.endings).length;
    this.verdict.hidden = !again.text;
    this.verdict.dataset.state = again.state ?? "";
    setText(this.verdict, again.text ?? "");
    const parts = [...new Set(made.facts.map(([part]) => part))];
    this.table.replaceChildren(...parts.flatMap((part) => [
      h("h3", {}, part),
      h("dl", { class: "tqp-list" }, ...made.facts.filter(([one]) => one === part).flatMap(([, label, text]) => [h("dt", {}, label), h("dd", {}, text)])),
    ]));
  }

  /** @param {string} form */
  async save(form) {
    try {
      saveAs(new Blob(await this.transfer.take(form)), `task-${this.number}.${this.made.endings[form]}`);
    } catch (error) {
      if (!(error instanceof GivenUp)) this.refuse(`It could not be exported: ${/** @type {Error} */ (error).message}`);
    }
  }

  async copyCitation() {
    try {
      await copyText(this.root, new TextDecoder().decode(await new Blob(await this.transfer.take("cite")).arrayBuffer()));
      sayDone(this.cite, "Copied");
    } catch (error) {
      if (!(error instanceof GivenUp)) this.refuse(`It could not be cited: ${/** @type {Error} */ (error).message}`);
    }
  }
}

/** @param {HTMLElement} element @param {boolean} disabled */
function setDisabled(element, disabled) {
  /** @type {HTMLButtonElement} */ (element).disabled = disabled;
}

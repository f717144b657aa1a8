// @ts-check
/** A link to a task or a batch for others: made, copied, revoked. Its address is on the page alone, and nowhere kept. */

import { copyText } from "./clipboard.js";
import { button, sayDone } from "./controls.js";
import { h, setText } from "./dom.js";
import { localTime } from "./format.js";

/** @typedef {{ of: string, id: string, url: string, expires: number | null, note: string, refused?: string }} Told */

export class ShareView {
  /**
   * @param {HTMLElement} root of the display @param {(content: Record<string, any>) => void} send to Python
   * @param {(text: string) => void} refuse tells why there is no link @param {"task" | "batch" | "run" | "sweep"} noun what is shared
   */
  constructor(root, send, refuse, noun) {
    this.root = root;
    this.send = send;
    this.refuse = refuse;
    this.noun = noun;
    /** The id of what is open. */
    this.of = "";
    /** The link that was made to it here, and not revoked. @type {Told | null} */
    this.told = null;
    this.button = button("share", "Share", { onclick: () => this.press(), "aria-expanded": "false", title: "Make a link for others" });
    this.address = /** @type {HTMLInputElement} */ (h("input", { class: "tq-share-address", readonly: true, "aria-label": "Address of the link", onfocus: () => this.address.select() }));
    this.copyButton = button("copy", "Copy", { onclick: () => this.copy() });
    this.revokeButton = button("cancel", "Revoke", { onclick: () => this.revoke() });
    this.text = h("p", { class: "tq-share-text", role: "status" });
    this.element = h("div", { class: "tq-share", role: "group", "aria-label": "Link for others", hidden: true }, this.address, this.copyButton, this.revokeButton, this.text);
  }

  /** What is open now. @param {string} of its id */
  show(of) {
    if (of === this.of) return;
    this.of = of;
    this.told = null;
    this.busy(false);
    this.open(false);
  }

  press() {
    if (this.told) {
      this.open(Boolean(this.element.hidden));
      if (!this.element.hidden) this.address.focus();
      return;
    }
    this.busy(true);
    this.send({ type: "share", of: this.of });
  }

  revoke() {
    if (!this.told) return;
    this.busy(true);
    this.send({ type: "share", of: this.of, revoke: this.told.id });
  }

  /** A link was made, or is no more. @param {Told} told */
  receive(told) {
    if (told.of !== this.of) return;
    const asked = this.button.hasAttribute("aria-busy");
    this.busy(false);
    if (told.refused) {
      this.refuse(`The link could not be ${this.told ? "revoked" : "made"}: ${told.refused}`);
      return;
    }
    if (!told.url) { // revoked
      this.told = null;
      this.open(false);
      if (asked) this.button.focus();
      sayDone(this.button, "Revoked");
      return;
    }
    this.told = told;
    this.address.value = told.url;
    const until = told.expires === null ? "until it is revoked" : `until ${localTime(told.expires)}`;
    setText(this.text, `Whoever has this address sees this ${this.noun}, ${until}. ${told.note}`.trim());
    this.open(true);
    if (asked) this.copy(); // in the display where somebody has asked for it
  }

  async copy() {
    await copyText(this.root, this.address.value);
    this.address.focus();
    sayDone(this.copyButton, "Copied");
  }

  /** @param {boolean} open */
  open(open) {
    this.element.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
  }

  /** @param {boolean} busy */
  busy(busy) {
    for (const one of [this.button, this.revokeButton]) {
      one.toggleAttribute("disabled", busy);
      if (busy) one.setAttribute("aria-busy", "true");
      else one.removeAttribute("aria-busy");
    }
  }
}

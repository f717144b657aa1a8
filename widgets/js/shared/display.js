// @ts-check
/** What every display of a widget has: its root, its theme, its listeners, its heartbeat. */

import { h, newId } from "./dom.js";
import { BEAT_MS, KernelLink } from "./link.js";
import { letSaveThrough } from "./saving.js";
import { pageIsDark } from "./theme.js";

/**
 * @typedef {{ get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   send(content: object): void, on(event: string, call: Function): void,
 *   off(event: string, call: Function): void, widget_manager?: any }} Model
 */

/** One display of a panel: its root, its theme, its listeners, its link to the kernel. */
export class Display {
  /** @param {Model} model @param {HTMLElement} place @param {string} kind @param {string} label */
  constructor(model, place, kind, label) {
    this.model = model;
    this.view = newId();
    /** @type {(() => void)[]} */
    this.ends = [];
    this.root = h("section", { class: `tq tqp tqp-${kind}`, "aria-label": label, "data-lm-suppress-shortcuts": "true" });
    place.append(this.root);
    this.link = new KernelLink(model, this.root, () => this.onLink());
    this.ends.push(() => this.link.close(), letSaveThrough());
    this.seen = true;
    this.followTheme();
    this.watch();
  }

  /** Call now, and whenever one of these traits changes. @param {string[]} traits @param {() => void} call */
  on(traits, call) {
    for (const trait of traits) {
      const event = `change:${trait}`;
      this.model.on(event, call);
      this.ends.push(() => this.model.off(event, call));
    }
    call();
  }

  /** @param {(message: any) => void} call */
  onMessage(call) {
    const listener = (/** @type {any} */ message) => {
      if (!message.view || message.view === this.view) call(message);
    };
    this.model.on("msg:custom", listener);
    this.ends.push(() => this.model.off("msg:custom", listener));
  }

  /** @param {Record<string, any>} content */
  send(content) {
    this.link.send({ ...content, view: this.view });
  }

  /** The kernel was lost, or is there again: `this.link.lost` tells which. */
  onLink() {}

  close() {
    this.send({ type: "close" });
    this.ends.forEach((end) => end());
    this.root.remove();
  }

  followTheme() {
    const apply = () => {
      const asked = this.model.get("theme");
      const page = pageIsDark() ? "dark" : "light";
      this.root.dataset.theme = asked === "auto" ? page : asked;
      this.root.toggleAttribute("data-forced", asked !== "auto" && asked !== page);
    };
    const watcher = new MutationObserver(apply);
    watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    const preference = matchMedia("(prefers-color-scheme: dark)");
    preference.addEventListener("change", apply);
    this.ends.push(() => {
      watcher.disconnect();
      preference.removeEventListener("change", apply);
    });
    this.on(["theme"], apply);
  }

  /** Tell Python every few seconds that somebody looks, as long as that is so. */
  watch() {
    const beat = () => {
      if (this.seen && document.visibilityState === "visible") this.link.beat({ type: "alive", view: this.view });
    };
    const eye = new IntersectionObserver((entries) => {
      const seen = entries[entries.length - 1].isIntersecting;
      if (seen && !this.seen) {
        this.seen = seen;
        beat();
      }
      this.seen = seen;
    }, /** @type {IntersectionObserverInit} */ ({ rootMargin: "600px 0px", scrollMargin: "600px 0px" })); // just out of sight counts as in sight
    eye.observe(this.root);
    const timer = setInterval(beat, BEAT_MS);
    document.addEventListener("visibilitychange", beat);
    this.ends.push(() => {
      eye.disconnect();
      clearInterval(timer);
      document.removeEventListener("visibilitychange", beat);
    });
    beat();
  }
}

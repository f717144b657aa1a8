// @ts-check
/** What every display of a widget has: its root, its theme, its listeners, its heartbeat. */

import { newId } from "./dom.js";
import { keepKeys, letSaveThrough } from "./keys.js";
import { BEAT_MS, KernelLink } from "./link.js";
import { followTheme } from "./theme.js";

/**
 * @typedef {{ get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   send(content: object): void, on(event: string, call: Function): void,
 *   off(event: string, call: Function): void, widget_manager?: any }} Model
 */

/** Just out of sight counts as in sight. */
const SIGHT = /** @type {IntersectionObserverInit} */ ({ rootMargin: "600px 0px", scrollMargin: "600px 0px" });

/** One display of a widget. */
export class Display {
  /** @param {Model} model @param {HTMLElement} place @param {HTMLElement} root */
  constructor(model, place, root) {
    this.model = model;
    this.root = root;
    this.view = newId();
    /** @type {(() => void)[]} */
    this.ends = [];
    this.seen = true;
    root.addEventListener("focusin", keepKeys);
    place.append(root);
    this.link = new KernelLink(model, root, () => this.onLink());
    this.ends.push(() => this.link.close(), letSaveThrough(), followTheme(model, root));
    this.watch();
  }

  /** Call now, and whenever one of these traits changes. @param {string[]} traits @param {() => void} call */
  on(traits, call) {
    for (const trait of traits) this.listen(`change:${trait}`, call);
    call();
  }

  /** Call with each message for this display, and its buffers. @param {(message: any, buffers: DataView[]) => void} call */
  onMessage(call) {
    this.listen("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => {
      if (!message.view || message.view === this.view) call(message, buffers);
    });
  }

  /** @param {string} event of the model @param {Function} call */
  listen(event, call) {
    this.model.on(event, call);
    this.ends.push(() => this.model.off(event, call));
  }

  /** @param {Record<string, any>} content */
  send(content) {
    this.link.send({ ...content, view: this.view });
  }

  /** @param {string} trait @param {any} value */
  set(trait, value) {
    if (this.model.get(trait) === value) return;
    this.model.set(trait, value);
    this.model.save_changes();
  }

  /** The kernel was lost, or is there again: `this.link.lost` tells which. */
  onLink() {}

  /** It has come into sight. */
  onSight() {}

  /** What has the focus, in the page or in the shadow that the display is in. */
  get focused() {
    return /** @type {Document | ShadowRoot} */ (this.root.getRootNode()).activeElement;
  }

  close() {
    this.send({ type: "close" });
    this.ends.forEach((end) => end());
    this.root.remove();
  }

  /** What a heartbeat says. @returns {Record<string, any>} */
  heartbeat() {
    return { type: "alive" };
  }

  /** Tell Python that somebody looks, if somebody does. */
  beat() {
    if (this.seen && document.visibilityState === "visible") this.link.beat({ ...this.heartbeat(), view: this.view });
  }

  /** Tell Python every few seconds that somebody looks, as long as that is so. */
  watch() {
    const beat = () => this.beat();
    const eye = new IntersectionObserver((entries) => {
      const came = entries[entries.length - 1].isIntersecting && !this.seen;
      this.seen = entries[entries.length - 1].isIntersecting;
      if (!came) return;
      this.onSight();
      beat();
    }, SIGHT);
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

/** What anywidget asks of a widget's module. @param {new (model: Model, place: HTMLElement) => Display} Kind of display */
export const displayedBy = (Kind) => ({
  /** @param {{ model: Model, el: HTMLElement }} context */
  render({ model, el }) {
    const display = new Kind(model, el);
    return () => display.close();
  },
});

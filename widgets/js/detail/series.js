// @ts-check
/** What a task reports as series of numbers: a small curve for each, which grows while the task runs. */

import { button } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { picture } from "./pictures.js";
import { Taking } from "./taking.js";

/** @typedef {{ name: string, last: string, picture: import("./scales.js").LineData | null }} Series */

export class SeriesView {
  /** @param {HTMLElement} root of the display @param {(content: Record<string, any>) => void} send to Python
   * @param {(text: string) => void} refuse tells why something cannot be had
   * @param {import("./transfer.js").Transfer} transfer of the display, which takes one file at a time */
  constructor(root, send, refuse, transfer) {
    this.taking = new Taking(root, send, refuse, { transfer, noun: "series" });
    /** @type {Map<string, { element: HTMLElement, last: HTMLElement, drawn: string }>} */
    this.curves = new Map();
    /** @type {Series[]} */
    this.series = [];
    this.log = false;
    this.number = 0;
    this.python = "";
    this.scale = button("", "Log scale", { "aria-pressed": "false", title: "Heights by powers of ten", onclick: () => this.toggleScale() });
    this.taking.pythonButton.after(this.scale);
    this.list = h("div", { class: "tqp-curves" });
    this.element = h("section", { class: "tqp-series", "aria-label": "Series" }, h("h3", {}, "Series"), this.taking.element, this.list);
  }

  toggleScale() {
    this.log = !this.log;
    setAttr(this.scale, "aria-pressed", String(this.log));
    this.show(this.series, this.number, this.python);
  }

  /** @param {Series[]} series @param {number} number of the task @param {string} python a line that has them there */
  show(series, number, python) {
    this.series = series;
    this.number = number;
    this.python = python;
    this.element.hidden = !series.length;
    const pictures = series.map(({ picture: data }) => data && this.scaled(data)).filter((data) => data !== null);
    this.scale.hidden = !pictures.some(({ low }) => low > 0);
    this.taking.show({ form: "curves", files: ["csv"], python, curves: pictures }, number);
    const names = new Set(series.map(({ name }) => name));
    for (const [name, { element }] of this.curves) {
      if (names.has(name)) continue;
      element.remove();
      this.curves.delete(name);
    }
    series.forEach((one, place) => this.put(one, place));
  }

  /** A picture with heights as they are asked for: by powers of ten where all numbers are above zero. @param {import("./scales.js").LineData} data */
  scaled(data) {
    return { ...data, log: this.log && data.low > 0 };
  }

  /** Draw one anew where it has changed. @param {Series} one @param {number} place */
  put({ name, last, picture: data }, place) {
    let curve = this.curves.get(name);
    if (!curve) {
      const said = h("b", {});
      curve = { element: h("div", { class: "tqp-curve" }, h("h4", {}, h("span", {}, name), " ", said)), last: said, drawn: "" };
      this.curves.set(name, curve);
    }
    const { element } = curve;
    if (this.list.children[place] !== element) this.list.insertBefore(element, this.list.children[place] ?? null);
    setText(curve.last, last);
    const drawn = JSON.stringify([data, this.log]);
    if (drawn === curve.drawn) return;
    curve.drawn = drawn;
    element.querySelector(".tqp-picture, .tqp-quiet-text")?.remove();
    element.append(data ? picture(this.scaled(data)) : h("p", { class: "tqp-quiet-text" }, "No number so far."));
  }
}

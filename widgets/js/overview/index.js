// @ts-check
/** The overview: chips that count and filter, slots, the pace of the last hour, and the parts' states. */

import { STATUSES, countChip } from "../shared/controls.js";
import { Display, displayedBy } from "../shared/display.js";
import { h, setAttr, setText, svg } from "../shared/dom.js";
import { amount, clockTime } from "../shared/format.js";
import { icon } from "../shared/icons.js";
import { drawSnapshot, keepSnapshot } from "./snapshot.js";

/** @typedef {import("../shared/display.js").Model} Model */

const CHART = { width: 120, height: 28 };

class OverviewDisplay extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("section", { class: "tq tq-card tqp tqp-overview", "aria-label": "Overview" }));
    /** @type {string | undefined} */
    this.said = undefined;
    this.chips = h("div", { class: "tq-chips", role: "group", "aria-label": "Tasks by status" });
    this.slots = this.figure("Slots busy");
    this.meter = h("span", { class: "tqp-meter", "aria-hidden": "true" }, h("i"));
    this.slots.append(this.meter);
    this.pace = this.figure("Tasks per minute");
    this.chart = svg("svg", { class: "tqp-chart", viewBox: `0 0 ${CHART.width} ${CHART.height}`, role: "img", preserveAspectRatio: "none" });
    const hour = h("div", { class: "tqp-hour" }, h("span", { class: "tqp-caption" }, "Last hour"));
    hour.prepend(this.chart);
    this.service = this.part("Service");
    this.broker = this.part("Broker");
    this.updated = h("span", { class: "tqp-updated" });
    const parts = h("div", { class: "tqp-parts" }, h("div", {}, this.service, this.broker), this.updated);
    /** What a token that runs recipes alone does not see. */
    this.fleet = [this.slots, this.pace, hour, this.broker];
    const figures = h("div", { class: "tqp-figures" }, this.slots, this.pace, hour, parts);
    this.banner = h("div", { class: "tq-banner", role: "status" });
    this.root.append(h("div", { class: "tqp-strip" }, this.chips, figures), this.banner);
    this.on(["counts", "chosen", "filters"], () => this.showChips());
    this.on(["figures"], () => this.showFigures());
    this.on(["state", "reason", "figures", "withheld"], () => this.showState());
    this.on(["updated"], () => this.showUpdated());
    if (model.get("board")) this.ends.push(keepSnapshot(model.widget_manager?.context, model.get("board"), () => this.snapshot()));
  }

  /** The board as HTML for the notebook's file; null where what is shown is old. */
  snapshot() {
    const board = this.root.closest(".tq-board");
    return board && !this.link.lost && this.model.get("state") !== "loading" ? drawSnapshot(board) : null;
  }

  /** @param {string} caption */
  figure(caption) {
    return h("div", { class: "tqp-figure" }, h("span", { class: "tqp-number" }, "–"), h("span", { class: "tqp-caption" }, caption));
  }

  /** @param {string} name */
  part(name) {
    return h("span", { class: "tqp-part" }, h("i", { "aria-hidden": "true" }), h("span", {}, name));
  }

  showChips() {
    const counts = this.model.get("counts");
    const chosen = this.model.get("chosen");
    const filters = this.model.get("filters");
    if (!this.chips.childElementCount || filters !== this.built) {
      this.built = filters;
      this.chips.replaceChildren(...["", ...Object.keys(STATUSES)].map((status) => countChip(status, filters ? () => this.choose(status) : null)));
    }
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    for (const chip of this.chips.children) {
      const status = /** @type {HTMLElement} */ (chip).dataset.status ?? "";
      setText(/** @type {Element} */ (chip.lastElementChild), amount(status ? counts[status] ?? 0 : all));
      if (filters) setAttr(chip, "aria-pressed", String(status ? chosen.includes(status) : chosen.length === 0));
    }
  }

  /** @param {string} status */
  choose(status) {
    const chosen = this.model.get("chosen");
    const next = !status ? [] : chosen.includes(status) ? chosen.filter((/** @type {string} */ one) => one !== status) : [...chosen, status];
    this.send({ type: "filter", statuses: next });
  }

  showFigures() {
    const { slots, busy, pace, hour, workers } = this.model.get("figures");
    if (slots === undefined) return;
    setText(/** @type {Element} */ (this.slots.firstElementChild), `${amount(busy)} of ${amount(slots)}`);
    this.slots.title = `${amount(workers)} ${workers === 1 ? "worker" : "workers"}`;
    /** @type {HTMLElement} */ (this.meter.firstElementChild).style.width = `${slots ? (100 * Math.min(busy, slots)) / slots : 0}%`;
    setText(/** @type {Element} */ (this.pace.firstElementChild), amount(pace));
    this.showChart(hour);
  }

  /** @param {[number, number][]} hour */
  showChart(hour) {
    const { width, height } = CHART;
    const most = Math.max(1, ...hour.map(([finished, failed]) => finished + failed));
    const at = (/** @type {number} */ i) => (i * width) / Math.max(1, hour.length - 1);
    const up = (/** @type {number} */ count) => height - 2 - (count / most) * (height - 5);
    const line = (/** @type {(minute: [number, number]) => number} */ of) => hour.map((minute, i) => `${at(i).toFixed(1)},${up(of(minute)).toFixed(1)}`).join(" ");
    const ended = line(([finished, failed]) => finished + failed);
    /** @type {SVGElement[]} */
    const marks = [
      svg("polygon", { points: `0,${height} ${ended} ${width},${height}`, class: "tqp-chart-area" }),
      svg("polyline", { points: ended, class: "tqp-chart-line" }),
    ];
    hour.forEach(([, failed], i) => {
      if (failed) marks.push(svg("path", { d: `M${at(i).toFixed(1)},${height}V${Math.min(up(failed), height - 5).toFixed(1)}`, class: "tqp-chart-failed" }));
    });
    this.chart.replaceChildren(...marks);
    const sum = (/** @type {0 | 1} */ i) => hour.reduce((total, minute) => total + minute[i], 0);
    this.chart.setAttribute("aria-label", `Last hour: ${amount(sum(0))} finished, ${amount(sum(1))} failed; at most ${most} a minute`);
  }

  onLink() {
    this.showState();
  }

  showState() {
    const state = this.link.lost ? "loading" : this.model.get("state");
    const { broker, blocked, unserved, waiting } = this.model.get("figures");
    const there = state === "ready";
    this.mark(this.service, there ? "there" : state === "loading" ? "unknown" : "away",
      { there: "is there", unknown: this.link.lost ? "is not known" : "is being asked", away: "is away" });
    this.mark(this.broker, !there || broker === undefined ? "unknown" : broker && !blocked ? "there" : "away",
      { there: "is there", unknown: "is not known", away: blocked ? "takes nothing" : "is away" });
    const withheld = this.model.get("withheld");
    for (const part of this.fleet) part.hidden = withheld !== "";
    const text = state === "refused" ? `No live updates: ${this.model.get("reason")}.`
      : state === "away" ? "The service is away. What you see may be old; everything is brought up to date when it is back."
      : there && broker === false ? `The broker is away. New tasks are kept${waiting ? ` (${amount(waiting)} so far)` : ""} and start when it is back.`
      : there && blocked ? `New tasks are kept${waiting ? ` (${amount(waiting)} so far)` : ""} and do not start: ${blocked}.`
      : there && unserved?.length ? nobodyServes(unserved)
      : withheld;
    if (text === this.said) return;
    this.said = text;
    this.banner.replaceChildren(...(text ? [icon(text === withheld ? "pick" : "away"), h("span", {}, text)] : []));
  }

  /** @param {HTMLElement} part @param {string} state @param {Record<string, string>} words */
  mark(part, state, words) {
    part.dataset.state = state;
    const name = part.lastElementChild?.firstChild?.textContent ?? "";
    if (part.title === `${name} ${words[state]}`) return;
    part.title = `${name} ${words[state]}`;
    /** @type {HTMLElement} */ (part.lastElementChild).replaceChildren(name, h("span", { class: state === "away" ? "" : "tq-visually-hidden" }, ` ${words[state]}`));
  }

  showUpdated() {
    const updated = this.model.get("updated");
    setText(this.updated, updated ? `Last updated ${clockTime(updated)}` : "");
  }
}

/** @param {string[]} queues */
function nobodyServes(queues) {
  const shown = queues.slice(0, 3).map((queue) => `“${queue}”`).join(", ") + (queues.length > 3 ? " and others" : "");
  return `Tasks wait in ${queues.length === 1 ? "the queue" : "the queues"} ${shown}, which no worker serves. Start one with TASKQ_QUEUES=${queues[0]}.`;
}

export default displayedBy(OverviewDisplay);

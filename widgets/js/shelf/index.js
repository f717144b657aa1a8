// @ts-check
/** All recipes as cards, and the runs that were there before; see `recipes/shelf.py`. */

import { earlierRuns } from "../recipe/earlier.js";
import { ownRuns } from "../recipe/own.js";
import { inAddress, onAddress, ownsAddress, setAddress } from "../shared/address.js";
import { button } from "../shared/controls.js";
import { Display, displayedBy } from "../shared/display.js";
import { h, setText, svg } from "../shared/dom.js";
import { icon } from "../shared/icons.js";

/** @typedef {import("../shared/display.js").Model} Model */
/** @typedef {{ name: string, title: string, said: string, kind: string }} Card */

/** What a result looks like, by the kind of it, on a grid of 40 by 24. @type {Record<string, string>} */
const KINDS = {
  number: "M4 20h32M20 5v10M16 5h8M16 15h8M20 10h.1",
  line: "M4 20h32M4 20V4M6 17c6 0 7-11 13-11s6 9 16 9",
  table: "M4 4h32v16H4zM4 9.3h32M4 14.6h32M15 4v16M26 4v16",
  heatmap: "M4 4h32v16H4zM12 4v16M20 4v16M28 4v16M4 12h32M5 5l6 6M21 13l6 6M13 5l6 6",
  picture: "M4 4h32v16H4zM5 19l9-9l6 6l5-4l10 7M28 8.5h.1",
};

class ShelfDisplay extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("section", { class: "tq tq-card tqp tqs-shelf", "aria-label": "Recipes" }));
    this.bar = h("div", { class: "tqs-bar" }, button("back", "All recipes", { onclick: () => this.go({}) }));
    this.banner = h("div", { class: "tq-banner", role: "status" });
    this.message = h("p", { class: "tqs-message", role: "alert" });
    this.runs = h("div", { class: "tqs-runs" });
    this.cards = h("ul", { class: "tqs-cards" });
    this.root.append(this.bar, this.banner, this.message, this.runs, this.cards);
    this.on(["chosen"], () => this.showChosen());
    this.on(["away"], () => this.banner.replaceChildren(...(model.get("away") ? [icon("away"), h("span", {}, model.get("away"))] : [])));
    this.on(["message", "chosen"], () => setText(this.message, model.get("message")));
    this.on(["recipes", "ready"], () => this.showCards());
    this.on(["earlier", "chosen"], () => this.showRuns());
    this.sendOwn();
    if (ownsAddress()) this.followAddress();
  }

  followAddress() {
    const asked = () => Object.fromEntries(["recipe", "task", "batch"].map((name) => [name, inAddress(name)]));
    const go = () => {
      // What is shown of the recipe that is chosen, its form looks after.
      const { recipe, task, batch } = asked();
      if (recipe ? recipe !== this.model.get("chosen") : task || batch || this.model.get("chosen")) this.send({ type: "go", recipe, task, batch });
    };
    this.ends.push(onAddress(go));
    go();
  }

  sendOwn() {
    this.send({ type: "mine", ids: [...ownRuns(this.model)] });
  }

  /** @param {{ recipe?: string, task?: string, batch?: string }} where */
  go({ recipe = "", task = "", batch = "" }) {
    if (ownsAddress()) setAddress({ recipe, task, batch });
    this.send({ type: "go", recipe, task, batch });
  }

  showChosen() {
    const chosen = this.model.get("chosen");
    const before = this.chosen;
    this.chosen = chosen;
    this.bar.hidden = !chosen;
    this.runs.hidden = this.cards.hidden = Boolean(chosen);
    this.root.toggleAttribute("data-chosen", Boolean(chosen));
    if (before === undefined || before === chosen) return;
    if (!chosen) this.sendOwn();
    // The keyboard goes where the page has gone.
    const next = chosen ? this.bar.querySelector("button") : this.cards.querySelector(`[data-name="${CSS.escape(before)}"]`);
    /** @type {HTMLElement | null} */ (next)?.focus({ preventScroll: true });
    if (this.root.getBoundingClientRect().top < 0) this.root.scrollIntoView();
  }

  showCards() {
    const recipes = this.model.get("recipes");
    if (this.model.get("ready") && !recipes.length) {
      this.cards.replaceChildren(h("li", { class: "tqs-none" }, "There are no recipes yet. Whoever runs taskq adds one with “taskq recipe add FILE”."));
      return;
    }
    this.cards.replaceChildren(...recipes.map((/** @type {Card} */ card) => h("li", {}, this.card(card))));
  }

  /** @param {Card} card */
  card({ name, title, said, kind }) {
    return h("button", { type: "button", class: "tqs-card", "data-name": name, onclick: () => this.go({ recipe: name }) },
      svg("svg", { class: "tqs-kind", viewBox: "0 0 40 24", "aria-hidden": "true" }, svg("path", { d: KINDS[kind] ?? KINDS.number })),
      h("strong", {}, title), h("span", { class: "tqs-said" }, said));
  }

  showRuns() {
    this.runs.replaceChildren(...earlierRuns(this.model.get("earlier"), true, ({ recipe, number, id, points }) => this.go({ recipe, ...(points ? { batch: id } : { task: String(number) }) })));
  }
}

export default displayedBy(ShelfDisplay);

// @ts-check
/** One task in full, in tabs. */

import { ownsAddress } from "../shared/address.js";
import { copyText } from "../shared/clipboard.js";
import { button, notice, progressBar, sayDone, statusChip, toast } from "../shared/controls.js";
import { Display, displayedBy } from "../shared/display.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { clockTime, duration, localTime } from "../shared/format.js";
import { icon } from "../shared/icons.js";
import { Keep, browserStorage } from "../shared/keep.js";
import { roughly, secondsLeft } from "../shared/remaining.js";
import { ShareView } from "../shared/share.js";
import { followAddress } from "./address.js";
import { makeDrawer } from "./drawer.js";
import { KeptView } from "./kept.js";
import { LogView } from "./log.js";
import { MadeView } from "./made.js";
import { fill, resultParts, scrolling } from "./result.js";
import { SeriesView } from "./series.js";
import { Taking } from "./taking.js";

/** @typedef {import("../shared/display.js").Model} Model */

const TABS = [
  ["result", "Result"],
  ["files", "Files"],
  ["code", "Code"],
  ["log", "Log"],
  ["error", "Error"],
  ["made", "How this was made"],
  ["history", "History"],
];

/** Pieces of highlighted text. @param {[string, string][]} pieces */
function highlighted(pieces) {
  return pieces.map(([kind, text]) => (kind ? h("span", { class: `tq-code-${kind}` }, text) : document.createTextNode(text)));
}

class DetailDisplay extends Display {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    super(model, place, h("section", { class: "tq tq-card tqp tqp-detail", "aria-label": "Task" }));
    /** @type {string | undefined} */
    this.shownPanel = undefined;
    /** How far which task had come when that was told last, and when. */
    this.told = { id: "", progress: null, at: 0 };
    this.title = h("h2", {});
    this.status = h("span", { class: "tqp-status-place", role: "status" });
    this.facts = h("span", {});
    /** The task that has to do with this one: whose value it has, or which it repeats. */
    this.origin = h("span", {});
    this.progress = progressBar("tqp-progress");
    this.actions = h("div", { class: "tqp-actions" });
    this.tablist = h("div", { class: "tqp-tabs", role: "tablist", "aria-label": "Parts of the task" }, ...TABS.map(([tab, label]) => this.tabButton(tab, label)));
    this.panel = h("div", { class: "tqp-panel", role: "tabpanel", tabindex: 0, id: `${this.view}-panel` });
    this.log = new LogView((first, attempt) => this.send({ type: "log", first, attempt }));
    this.notice = h("div", { class: "tq-notice" });
    this.share = new ShareView(this.root, (content) => this.send(content), (text) => this.toast.say(text, "error"), "task");
    this.header = h("header", { class: "tqp-header tqp-task-header" }, h("div", { class: "tqp-title" }, this.title, this.status), this.actions, h("p", { class: "tqp-facts" }, this.facts, this.origin), this.share.element, this.progress.bar);
    this.root.append(this.header, this.tablist, this.panel, this.notice);
    this.toast = toast(this.root);
    this.taking = new Taking(this.root, (content) => this.send(content), (text) => this.toast.say(text, "error"));
    this.series = new SeriesView(this.root, (content) => this.send(content), (text) => this.toast.say(text, "error"), this.taking.transfer);
    this.made = new MadeView(this.root, (content) => this.send(content), (text) => this.toast.say(text, "error"), this.taking.transfer);
    this.kept = new KeptView((content) => this.send(content), (text) => this.toast.say(text, "error"), this.taking.transfer);
    this.ends.push(this.toast.close, () => this.taking.transfer.giveUp());
    this.tablist.addEventListener("keydown", (event) => this.onTabKey(event));
    this.onMessage((message, buffers) => this.receive(message, buffers));
    this.on(["height"], () => { this.root.style.height = model.get("height"); });
    this.on(["head", "state", "editable", "may_change"], () => this.showHead());
    this.on(["tab", "state"], () => this.showTab());
    if (model.get("is_open") !== undefined) makeDrawer(this);
    if (model.get("recalls")) this.recall();
    for (const [trait, tab] of [["result", "result"], ["code", "code"], ["facts", "code"], ["may_change", "code"], ["problem", "error"], ["history", "history"]]) {
      this.on([trait], () => model.get("tab") === tab && this.showPanel());
    }
    this.on(["series", "head"], () => this.showSeries());
    this.on(["kept", "head"], () => this.showKept());
    this.on(["made", "again", "head", "may_change"], () => this.showMade());
    const ticking = setInterval(() => this.link.lost || this.showFacts(), 1000); // what nobody hears of does not go on
    this.ends.push(() => clearInterval(ticking));
  }

  /** Come back to the task that was open before the page was reloaded, and keep the one that is. */
  recall() {
    const kept = new Keep(browserStorage("sessionStorage"), "task", this.model);
    const open = kept.read();
    const drawer = this.model.get("is_open") !== undefined;
    if (drawer && ownsAddress()) followAddress(this, open);
    else if (open?.id && this.model.get("state") === "empty") this.send({ type: "show", id: open.id, tab: open.tab });
    this.on(["head", "tab", "state", "is_open"], () => {
      if (this.model.get("state") !== "ready") return;
      const { id, number } = this.model.get("head");
      kept.write(this.model.get("is_open") === false ? null : { id, number, tab: this.model.get("tab") });
    });
  }

  // -- the head

  showHead() {
    const state = this.model.get("state");
    const ready = state === "ready";
    for (const part of [this.header, this.tablist, this.panel]) part.hidden = !ready;
    this.notice.hidden = ready;
    if (!ready) {
      this.showNotice(state);
      return;
    }
    const { id, number, name, status, progress } = this.model.get("head");
    if (id !== this.id) {
      this.id = id;
      this.log.forget();
      this.share.show(id);
      this.panel.scrollTop = 0;
    }
    this.title.replaceChildren(h("span", { class: "tqp-of" }, `${number}`), ` ${name}`);
    this.title.title = name;
    if (status !== this.shownStatus) {
      this.shownStatus = status;
      this.status.replaceChildren(statusChip(status));
      this.showActions(status);
    }
    this.actions.hidden = !this.model.get("may_change");
    this.progress.bar.hidden = status !== "RUNNING";
    this.progress.show(progress);
    if (progress !== this.told.progress || id !== this.told.id) this.told = { id, progress, at: Date.now() / 1000 };
    this.showFacts();
  }

  /** @param {string} state */
  showNotice(state) {
    const texts = {
      empty: ["No task is open", "Open one in the table, or submit one: its result appears here."],
      loading: ["Loading…", ""],
      gone: ["Gone", this.model.get("message")],
      error: ["It cannot be read", this.model.get("message")],
    };
    const [title, text] = texts[/** @type {keyof typeof texts} */ (state)] ?? ["", ""];
    this.notice.replaceChildren(...notice(state === "error" ? "away" : "pick", title, h("p", {}, text)));
  }

  /** @param {string} status */
  showActions(status) {
    const act = (/** @type {string} */ action) => () => this.send({ type: "act", action });
    const open = status === "QUEUEING" || status === "RUNNING";
    this.actions.replaceChildren(open ? button("cancel", "Cancel", { onclick: act("cancel") }) : button("retry", status === "FINISHED" ? "Run again" : "Retry", { onclick: act("retry") }), this.share.button);
  }

  showFacts() {
    const { status, seconds, started, attempt, attempts, worker, note, progress, repeats, cachedFrom } = this.model.get("head");
    if (!status) return;
    const elapsed = status === "RUNNING" && started !== null ? Math.max(0, Date.now() / 1000 - started) : seconds;
    const left = status === "RUNNING" ? roughly(secondsLeft({ started, progress, told: this.told.at }, Date.now() / 1000)) : "";
    const facts = [
      status === "RUNNING" && typeof progress === "number" ? `${Math.round(100 * progress)} %` : "",
      left && `about ${left} left`,
      status === "RUNNING" ? note : "",
      elapsed === null || elapsed === undefined ? "" : duration(elapsed),
      worker ? `on ${worker}` : "",
      attempts > 1 || attempt > 1 ? `attempt ${attempt}${attempts > 1 ? ` of ${Math.max(attempt, attempts)}` : ""}` : "",
    ].filter(Boolean);
    const origin = cachedFrom ?? repeats;
    setText(this.facts, facts.join(" · ") || (origin ? "" : "not started"));
    this.showOrigin(origin, `${facts.length ? " · " : ""}${cachedFrom ? "value of" : "repeats"} `);
  }

  /** @param {number | null | undefined} number @param {string} text what stands before it */
  showOrigin(number, text) {
    const shown = number ? `${text}${number}` : "";
    if (this.origin.textContent === shown) return; // a button that is made anew loses the focus
    this.origin.replaceChildren(...(number ? [text, h("button", { type: "button", class: "tq-link", "aria-label": `Open task ${number}`, onclick: () => this.send({ type: "open", id: `${number}` }) }, `${number}`)] : []));
  }

  // -- tabs

  /** @param {string} tab @param {string} label */
  tabButton(tab, label) {
    return h("button", { type: "button", role: "tab", id: `${this.view}-${tab}`, "data-tab": tab, "aria-controls": `${this.view}-panel`, onclick: () => this.choose(tab) }, label);
  }

  /** @param {string} tab */
  choose(tab) {
    this.model.set("tab", tab);
    this.send({ type: "tab", tab });
    this.panel.scrollTop = 0;
  }

  /** @param {KeyboardEvent} event */
  onTabKey(event) {
    const places = TABS.map(([tab]) => tab).filter((tab) => !(/** @type {HTMLElement} */ (this.tablist.querySelector(`[data-tab="${tab}"]`)).hidden));
    const place = places.indexOf(this.model.get("tab"));
    const step = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: places.length - 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.choose(places[(step + places.length) % places.length]);
    /** @type {HTMLElement | null} */ (this.tablist.querySelector("[aria-selected=true]"))?.focus();
  }

  showTab() {
    const tab = this.model.get("tab");
    for (const element of this.tablist.children) {
      const chosen = /** @type {HTMLElement} */ (element).dataset.tab === tab;
      setAttr(element, "aria-selected", String(chosen));
      setAttr(element, "tabindex", chosen ? "0" : "-1");
    }
    this.panel.setAttribute("aria-labelledby", `${this.view}-${tab}`);
    this.panel.dataset.tab = tab;
    if (tab === "log") this.log.update();
    this.showPanel();
  }

  showPanel() {
    if (this.model.get("state") !== "ready") return;
    const tab = this.model.get("tab");
    const shown = JSON.stringify([tab, this.id, tab === "result" ? this.model.get("result") : tab === "error" ? this.model.get("problem") : tab === "code" ? [this.model.get("code"), this.model.get("facts"), this.model.get("may_change")] : tab === "history" ? this.model.get("history") : null]);
    if (shown === this.shownPanel) return;
    this.shownPanel = shown;
    const content = { result: () => this.result(), code: () => this.code(), files: () => [this.kept.element], log: () => [this.log.element], error: () => this.error(), made: () => [this.made.element], history: () => this.history() };
    fill(this.panel, content[/** @type {keyof typeof content} */ (tab)]());
  }

  // -- result

  result() {
    const result = this.model.get("result");
    this.taking.show(result, this.model.get("head").number);
    return [this.taking.element, ...resultParts(result, (content) => this.send(content)), this.series.element];
  }

  /** In their own place, and not with the whole panel: they grow while somebody looks. */
  showSeries() {
    this.series.show(this.model.get("series") ?? [], this.model.get("head").number, this.model.get("series_python") ?? "");
  }

  // -- files

  /** In their own place: whoever has chosen one goes on from there. */
  showKept() {
    const kept = this.model.get("kept") ?? {};
    const tab = /** @type {HTMLElement} */ (this.tablist.querySelector('[data-tab="files"]'));
    tab.hidden = !kept.files;
    this.kept.show(kept);
  }

  // -- how it was made

  /** In its own place: whoever reads it goes on from there. */
  showMade() {
    const made = { facts: [], endings: {}, reproducible: false, ...this.model.get("made") };
    const reproducible = made.reproducible && this.model.get("may_change");
    this.made.show({ ...made, reproducible }, this.model.get("head").number, this.model.get("again") ?? {});
  }

  // -- code

  code() {
    const pieces = this.model.get("code");
    const facts = this.model.get("facts");
    const edit = this.model.get("editable") && this.model.get("may_change") ? button("edit", "Edit and resubmit", { onclick: () => this.send({ type: "act", action: "edit" }) }) : null;
    const copy = button("copy", "Copy", { onclick: async () => {
      await copyText(this.root, pieces.map((/** @type {string[]} */ piece) => piece[1]).join(""));
      sayDone(copy, "Copied");
    } });
    const list = facts.length
      ? [h("dl", { class: "tqp-list" }, ...facts.flatMap((/** @type {string[]} */ [kind, name, text]) => [h("dt", { "data-kind": kind }, name), h("dd", {}, text)]))]
      : [];
    return [h("div", { class: "tqp-code-actions" }, edit, copy), ...list, h("pre", { class: "tqp-code", tabindex: 0 }, ...highlighted(pieces))];
  }

  // -- error

  error() {
    const { name, message, line, trace } = this.model.get("problem");
    if (!name) return [h("p", { class: "tqp-quiet-text" }, "There is no error.")];
    /** @type {HTMLElement[]} */
    const made = [
      h("p", { class: "tqp-error-name" }, name, line ? h("span", { class: "tqp-quiet-text" }, ` in line ${line}`) : null),
      h("pre", { class: "tqp-error-message" }, message),
    ];
    for (const [place, { heading, lines }] of trace.entries()) {
      const text = h("pre", { class: "tqp-trace", tabindex: 0 }, lines.join("\n"));
      if (!heading) made.push(text);
      else if (place === 0) made.push(h("h3", {}, heading), text);
      else made.push(h("details", { class: "tqp-more" }, h("summary", {}, icon("open"), heading), text));
    }
    return made;
  }

  // -- history

  history() {
    const rows = this.model.get("history").map((/** @type {any[]} */ [at, status, attempt, worker, reason]) => h("tr", {},
      h("td", { title: localTime(at) }, clockTime(at)), h("td", {}, statusChip(status)), h("td", { class: "tqp-end" }, attempt ? String(attempt) : ""), h("td", {}, worker), h("td", { class: "tqp-wide" }, reason)));
    const head = h("tr", {}, ...["Time", "Status", "Attempt", "Worker", "What happened"].map((text) => h("th", { scope: "col", class: text === "Attempt" ? "tqp-end" : "" }, text)));
    return [scrolling("History", h("table", { class: "tqp-grid tqp-history" }, h("thead", {}, head), h("tbody", {}, ...rows)))];
  }

  // -- log

  onLink() {
    if (this.link.lost) {
      this.taking.transfer.giveUp();
      this.share.busy(false); // nobody answers
    } else if (this.model.get("tab") === "log") this.log.update();
  }

  /** @param {any} message @param {DataView[]} buffers */
  receive(message, buffers) {
    if (message.type === "say") this.toast.say(message.text, "error");
    else if (message.type === "shared") this.share.receive(message);
    else if (message.type === "file") this.taking.transfer.receive(message, buffers);
    else if (message.type === "log" && this.model.get("state") === "ready") {
      const atEnd = this.panel.scrollHeight - this.panel.scrollTop - this.panel.clientHeight < 40;
      this.log.receive(message);
      if (atEnd && this.model.get("tab") === "log") this.panel.scrollTop = this.panel.scrollHeight;
    }
  }
}

export default displayedBy(DetailDisplay);

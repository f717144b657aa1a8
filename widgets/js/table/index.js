// @ts-check
/**
 * The table of tasks in the browser.
 *
 * The service filters and sorts, Python formats; this file shows a window of rows. The page of rows that
 * Python sent last is `Page`; `Rows` keeps one element per visible row, keyed by the task's
 * id, so that focus, hover and a half-done click survive every update. What the user does
 * goes to Python as a message, and comes back as a patch (see `view.py` for the protocol).
 * Every text is set with `textContent`: nothing that a task says is ever read as HTML.
 */

import { BEAT_MS, KernelLink } from "../shared/link.js";

/**
 * @typedef {{ get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   send(content: object): void, on(event: string, call: Function): void,
 *   off(event: string, call: Function): void }} Model
 * @typedef {{ text: string, statuses: string[], after: number | null, before: number | null,
 *   within_s: number | null, sort: string, descending: boolean }} Query
 * @typedef {{ total: number, all: number, counts: Record<string, number>, query: Query, asked: number,
 *   picked: number, selection: [number, number, number, number, number], selected: string[] }} Head
 * @typedef {{ view: string, head?: Partial<Head>, first?: number, ids?: string[],
 *   rows?: Record<string, any[]>, cells?: Record<string, [number, any][]> }} Patch
 * @typedef {{ number: number, name: string, code: string, value: string, whole: string, kind: string,
 *   status: string, progress: number | null, note: string, seconds: number | null, worker: string,
 *   attempt: number, attempts: number, created: number | null, started: number | null, owner: string,
 *   queue: string, batch: string, arguments: [string, string][] }} Task
 * @typedef {{ label: string, sort?: string, width: number, grow: number, end?: boolean, empty?: (task: Task) => boolean,
 *   make?: (cell: HTMLElement) => void, show: (cell: HTMLElement, task: Task) => void }} Column
 */

/** Rows asked for beyond those in sight, on either side, so that a slow scroll finds them there. */
const MARGIN = 16;
/** Browsers limit the height of an element; past this the scroll bar is scaled. */
const MAX_HEIGHT = 8_000_000;
/** A query that takes longer than this to be answered is shown as waiting. */
const PATIENCE_MS = 250;
const NARROW_PX = 600;
const MEDIUM_PX = 1000;
const ROW_PX = { comfortable: 40, compact: 30, narrow: 66 };

/** What a row holds, in this order: the same list as in `cells.py`. */
const CELLS = ["number", "name", "code", "value", "whole", "kind", "status", "progress", "note", "seconds",
  "worker", "attempt", "attempts", "created", "started", "owner", "queue", "batch", "arguments"];

/** @type {Record<string, string>} */
const STATUSES = {
  QUEUEING: "Queueing",
  RUNNING: "Running",
  FINISHED: "Finished",
  FAILED: "Failed",
  CANCELLED: "Cancelled",
};

/** Icons: strokes of one width on a 16 × 16 grid. */
const ICONS = {
  QUEUEING: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.5V8l2.25 1.75",
  RUNNING: "M8 1.75a6.25 6.25 0 1 1-6.25 6.25",
  FINISHED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.25 8.25l2 2l3.5-4",
  FAILED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.75v4M8 11.1v.15",
  CANCELLED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.25 8h5.5",
  search: "M7 2.25a4.75 4.75 0 1 1 0 9.5a4.75 4.75 0 0 1 0-9.5M10.5 10.5L14 14",
  columns: "M2 3.25h12v9.5H2zM6 3.25v9.5M10 3.25v9.5",
  comfortable: "M2 4h12M2 8h12M2 12h12",
  compact: "M2 3h12M2 6.33h12M2 9.66h12M2 13h12",
  up: "M4 9.5L8 5.5l4 4",
  down: "M4 6.5l4 4l4-4",
  copy: "M5.75 5.75h7.5v7.5h-7.5zM10.25 5.5V2.75h-7.5v7.5H5.5",
  csv: "M8 2.5v7M5 6.75l3 3l3-3M2.5 13.25h11",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 1.9v3h-3",
  cancel: "M4 4h8v8H4z",
  delete: "M2.75 4.25h10.5M6.25 4V2.5h3.5V4M4 4.25l.6 9.25h6.8L12 4.25M6.75 7v3.75M9.25 7v3.75",
  close: "M4 4l8 8M12 4l-8 8",
  away: "M8 2L14.5 13.5h-13zM8 6.5v3.25M8 11.4v.1",
  empty: "M2 9.5L4.25 3.5h7.5L14 9.5v3.25H2zM2 9.5h3.75l1 1.5h2.5l1-1.5H14",
};

const TIMES = [
  ["", "Any time"],
  ["300", "Last 5 minutes"],
  ["3600", "Last hour"],
  ["86400", "Last 24 hours"],
  ["604800", "Last 7 days"],
  ["between", "Between…"],
];

// ---- small things

/**
 * Make an element. Strings among the children become text.
 * @param {string} tag
 * @param {Record<string, any>} [props] attributes; `onclick` and the like are listeners
 * @param {...(Node | string | null)} children
 * @returns {HTMLElement}
 */
function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** @param {keyof typeof ICONS} name */
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `tq-icon tq-icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** @param {HTMLElement} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {string} name @param {string | null} value */
function setAttr(element, name, value) {
  if (value === null || value === "") element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));

/** @param {number} count */
const amount = (count) => count.toLocaleString("en");

/** @param {number} count @param {string} noun */
const counted = (count, noun) => `${amount(count)} ${noun}${count === 1 ? "" : "s"}`;

function newId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
}

/** Seconds as people say them: 0.42 s, 12.3 s, 4 min 5 s, 3 h 20 min. @param {number} s */
function duration(s) {
  if (s < 0.0995) return `${Math.max(0, Math.round(s * 1000))} ms`;
  if (s < 9.95) return `${s.toFixed(2).replace(/0$/, "")} s`;
  if (s < 59.95) return `${s.toFixed(1)} s`;
  const whole = Math.round(s);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
  return `${Math.floor(whole / 86400)} d ${Math.floor((whole % 86400) / 3600)} h`;
}

/** How long ago, in one unit. @param {number} s seconds */
function ago(s) {
  if (s < 10) return "just now";
  if (s < 60) return `${Math.floor(s / 10) * 10} s ago`;
  if (s < 3600) return `${Math.floor(s / 60)} min ago`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ago`;
  return `${Math.floor(s / 86400)} d ago`;
}

/** @param {number} instant seconds since 1970 */
function localTime(instant) {
  return new Date(instant * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/**
 * Keep JupyterLab from taking a key as one of its shortcuts: it asks the very element that has
 * the focus. @param {FocusEvent} event
 */
function keepKeys(event) {
  /** @type {Element} */ (event.target).setAttribute("data-lm-suppress-shortcuts", "true");
}

/** Call once the burst of calls is over. @param {() => void} call @param {number} wait_ms */
function debounce(call, wait_ms) {
  /** @type {number | undefined} */
  let timer;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(call, wait_ms);
  };
}

// ---- theme

/** Whether the page around an element is dark: its theme says so, else the browser's preference. */
function pageIsDark() {
  const light = document.body.dataset.jpThemeLight;
  if (light) return light === "false";
  if (document.body.classList.contains("theme-dark")) return true;
  if (document.body.classList.contains("theme-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Keep `data-theme` of a root true; return what ends that.
 * @param {HTMLElement} root @param {Model} model
 */
function followTheme(root, model) {
  const apply = () => {
    const asked = model.get("theme");
    const page = pageIsDark() ? "dark" : "light";
    root.dataset.theme = asked === "auto" ? page : asked;
    root.toggleAttribute("data-forced", asked !== "auto" && asked !== page);
  };
  const watcher = new MutationObserver(apply);
  watcher.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
  const preference = matchMedia("(prefers-color-scheme: dark)");
  preference.addEventListener("change", apply);
  model.on("change:theme", apply);
  apply();
  return () => {
    watcher.disconnect();
    preference.removeEventListener("change", apply);
    model.off("change:theme", apply);
  };
}

// ---- columns

/** @param {Task} task */
function elapsed(task) {
  if (task.status === "RUNNING" && task.started !== null) return Math.max(0, Date.now() / 1000 - task.started);
  return task.seconds;
}

/** @param {HTMLElement} cell @param {Task} task */
function showProgress(cell, task) {
  const bar = /** @type {HTMLElement} */ (cell.firstElementChild);
  const text = /** @type {HTMLElement} */ (cell.lastElementChild);
  const share = task.status === "FINISHED" ? 1 : task.progress;
  const shown = task.status === "RUNNING" || (share !== null && task.status !== "QUEUEING");
  bar.hidden = !shown;
  cell.dataset.status = task.status;
  bar.toggleAttribute("data-unknown", share === null);
  const percent = share === null ? null : Math.round(clamp(share, 0, 1) * 100);
  bar.style.setProperty("--tq-share", String(share === null ? 0 : clamp(share, 0, 1)));
  setAttr(bar, "aria-valuenow", percent === null ? null : String(percent));
  setAttr(bar, "aria-valuetext", shown && percent === null ? "running, progress not known" : null);
  setText(text, shown && percent !== null ? `${percent} %` : "");
  setAttr(cell, "title", task.note);
}

/** @param {HTMLElement} cell */
function makeProgress(cell) {
  cell.append(
    h("span", { class: "tq-progress", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0,
      "aria-valuemax": 100 }),
    h("span", { class: "tq-percent" }),
  );
}

/** @param {HTMLElement} cell @param {Task} task */
function showStatus(cell, task) {
  if (cell.dataset.status === task.status) return;
  cell.dataset.status = task.status;
  const chip = h("span", { class: "tq-status", "data-status": task.status });
  chip.append(icon(/** @type {keyof typeof ICONS} */ (task.status)), STATUSES[task.status] ?? task.status);
  cell.replaceChildren(chip);
}

/** @param {HTMLElement} cell @param {Task} task */
function showValue(cell, task) {
  cell.dataset.kind = task.kind;
  setText(cell, task.value);
  setAttr(cell, "title", task.whole);
}

/** @param {HTMLElement} cell @param {Task} task */
function showAttempt(cell, task) {
  const text = task.attempt === 0 ? "" : task.attempts > 1 ? `${task.attempt} of ${task.attempts}` : `${task.attempt}`;
  setText(cell, text);
}

/** @param {HTMLElement} cell @param {Task} task */
function showCreated(cell, task) {
  setText(cell, task.created === null ? "" : ago(Date.now() / 1000 - task.created));
  setAttr(cell, "title", task.created === null ? "" : localTime(task.created));
}

/** @param {HTMLElement} cell @param {Task} task */
function showSeconds(cell, task) {
  const s = elapsed(task);
  cell.toggleAttribute("data-open", task.status === "RUNNING");
  setText(cell, s === null ? "" : duration(s));
}

/** @param {string} part */
function makeButton(part) {
  return (/** @type {HTMLElement} */ cell) => {
    cell.append(h("button", { type: "button", tabindex: -1, class: `tq-open tq-open-${part}`, "data-open": part }));
  };
}

/** @param {HTMLElement} cell @param {string} text @param {string} label */
function showButton(cell, text, label) {
  const button = /** @type {HTMLElement} */ (cell.firstElementChild);
  setText(button, text);
  setAttr(button, "aria-label", label);
  button.hidden = text === "";
}

/** @param {HTMLElement} cell @param {Task} task */
function showName(cell, task) {
  const button = /** @type {HTMLElement} */ (cell.firstElementChild);
  setText(button, task.name || "(no name)");
  setAttr(cell, "title", task.name);
}

/** @param {HTMLElement} cell @param {string} text */
function showText(cell, text) {
  setText(cell, text);
  setAttr(cell, "title", text);
}

/** What is shown of a task: those of the fixed columns, and one for an argument where that is asked for. @type {Record<string, Column>} */
const COLUMNS = {
  number: { label: "Number", sort: "number", width: 88, grow: 0, end: true,
    show: (cell, task) => setText(cell, String(task.number)) },
  name: { label: "Name", sort: "name", width: 150, grow: 2.2, make: makeButton("task"), show: showName },
  code: { label: "Code", width: 110, grow: 1.2, empty: (task) => !task.code, make: makeButton("code"),
    show: (cell, task) => showButton(cell, task.code, `Code of task ${task.number}: ${task.code}`) },
  arguments: { label: "Arguments", width: 110, grow: 1.2, empty: (task) => !task.arguments.length,
    show: (cell, task) => showText(cell, task.arguments.map(([name, text]) => `${name}=${text}`).join(", ")) },
  value: { label: "Value", width: 120, grow: 1.5, empty: (task) => !task.value, show: showValue },
  status: { label: "Status", sort: "status", width: 116, grow: 0, show: showStatus },
  progress: { label: "Progress", width: 122, grow: 0, make: makeProgress, show: showProgress },
  seconds: { label: "Duration", sort: "seconds", width: 98, grow: 0, end: true, show: showSeconds },
  worker: { label: "Worker", width: 100, grow: 0.8, empty: (task) => !task.worker, show: (cell, task) => showText(cell, task.worker) },
  owner: { label: "Owner", sort: "owner", width: 90, grow: 0.5, show: (cell, task) => showText(cell, task.owner) },
  queue: { label: "Queue", sort: "queue", width: 90, grow: 0.4, show: (cell, task) => showText(cell, task.queue) },
  batch: { label: "Batch", width: 90, grow: 0.4, empty: (task) => !task.batch, show: (cell, task) => showText(cell, task.batch) },
  attempt: { label: "Attempt", width: 78, grow: 0, end: true, show: showAttempt },
  created: { label: "Created", sort: "created", width: 96, grow: 0, end: true, show: showCreated },
};
const SELECT_PX = 44;
/** How narrow a column may be made, and how wide one is that has nothing to show. */
const LEAST_PX = 48;
const EMPTY_PX = 84;
const ARGUMENT = "argument.";

/** The column of a name; one that begins with `argument.` shows that argument. @param {string} name @returns {Column} */
function columnOf(name) {
  if (!name.startsWith(ARGUMENT)) return COLUMNS[name];
  const label = name.slice(ARGUMENT.length);
  const text = (/** @type {Task} */ task) => task.arguments.find(([argument]) => argument === label)?.[1] ?? "";
  return { label, width: 84, grow: 0.6, empty: (task) => !text(task), show: (cell, task) => showText(cell, text(task)) };
}

/** @param {string} name of a column */
const cellClass = (name) => `tq-cell-${name.startsWith(ARGUMENT) ? "argument" : name}`;
/** What goes first when not all columns fit. */
const DISPENSABLE = ["batch", "queue", "owner", "attempt", "worker", "code", "created", "arguments", "progress", "seconds"];

/** Columns to show at a width, when the user has chosen none. @param {number} width */
function fitting(width) {
  const names = Object.keys(COLUMNS);
  const needed = () => names.reduce((sum, name) => sum + columnOf(name).width, SELECT_PX);
  for (const name of DISPENSABLE) {
    if (needed() <= width) break;
    names.splice(names.indexOf(name), 1);
  }
  return names;
}

// ---- the page of rows

/** The rows that Python sent last. */
class Page {
  constructor() {
    this.first = 0;
    /** @type {string[]} */
    this.ids = [];
    /** @type {Map<string, Task>} */
    this.tasks = new Map();
  }

  /** Take in a patch. @param {Patch} patch */
  apply(patch) {
    for (const [id, cells] of Object.entries(patch.rows ?? {})) {
      this.tasks.set(id, /** @type {Task} */ (Object.fromEntries(CELLS.map((name, i) => [name, cells[i]]))));
    }
    for (const [id, cells] of Object.entries(patch.cells ?? {})) this.change(id, cells);
    if (patch.first !== undefined) this.first = patch.first;
    if (patch.ids) {
      this.ids = patch.ids;
      const kept = new Set(patch.ids);
      for (const id of this.tasks.keys()) if (!kept.has(id)) this.tasks.delete(id);
    }
  }

  /** @param {string} id @param {[number, any][]} cells */
  change(id, cells) {
    const task = this.tasks.get(id);
    if (!task) return;
    this.tasks.set(id, { ...task, ...Object.fromEntries(cells.map(([i, value]) => [CELLS[i], value])) });
  }

  /** The id at a place in the whole order, if it is here. @param {number} place */
  idAt(place) {
    return this.ids[place - this.first];
  }

  /** The place of an id in the whole order, -1 when it is not here. @param {string} id */
  placeOf(id) {
    const i = this.ids.indexOf(id);
    return i < 0 ? -1 : i + this.first;
  }
}

/** One row on screen: its element, its cells, and the task that they show. */
class Row {
  /** @param {string[]} columns */
  constructor(columns) {
    /** @type {Task | null} */
    this.task = null;
    this.box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", tabindex: -1 }));
    this.element = h("div", { role: "row", class: "tq-row" });
    const select = h("div", { role: "gridcell", class: "tq-cell tq-cell-select", "aria-colindex": 1 }, this.box);
    this.element.append(select);
    /** @type {Record<string, HTMLElement>} */
    this.cells = {};
    columns.forEach((name, i) => this.element.append(this.makeCell(name, i + 2)));
  }

  /** @param {string} name @param {number} index */
  makeCell(name, index) {
    const end = columnOf(name).end ? " tq-end" : "";
    const cell = h("div", { role: "gridcell", class: `tq-cell ${cellClass(name)}${end}`, "aria-colindex": index });
    columnOf(name).make?.(cell);
    this.cells[name] = cell;
    return cell;
  }

  /** @param {Task | null} task */
  show(task) {
    if (task === this.task) return;
    this.task = task;
    this.element.classList.toggle("tq-pending", task === null);
    this.element.dataset.status = task?.status ?? "";
    if (!task) return;
    for (const [name, cell] of Object.entries(this.cells)) columnOf(name).show(cell, task);
    setAttr(this.box, "aria-label", `Select task ${task.number}, ${task.name}`);
  }

  /** Show the time that has passed since. */
  tick() {
    if (!this.task) return;
    if (this.cells.created) showCreated(this.cells.created, this.task);
    if (this.cells.seconds && this.task.status === "RUNNING") showSeconds(this.cells.seconds, this.task);
  }

  /** @param {boolean} on */
  select(on) {
    this.box.checked = on;
    this.element.setAttribute("aria-selected", String(on));
  }
}

// ---- the grid: virtual rows, scrolling, focus

/** The rows in sight, and the keyboard's way through them. */
class Grid {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.page = new Page();
    this.total = 0;
    /** What is selected as the user sees it: what Python said last, with what it has not heard yet. */
    /** @type {Set<string>} */
    this.selected = new Set();
    /** @type {string[]} */
    this.told = [];
    /** @type {string[]} */
    this.columns = [];
    /** The width of the column whose edge is dragged, until that is done. @type {Record<string, number> | undefined} */
    this.dragged = undefined;
    /** @type {Map<string, Row>} */
    this.rows = new Map();
    /** Where the keyboard is: row -1 is the header; `id` keeps it on the same task. */
    this.focus = { row: -1, col: 0, id: "" };
    this.hasFocus = false;
    this.drawing = false;
    this.scheduled = 0;
    /** The window last asked for. */
    this.asked = { first: 0, count: 0 };
    /** @type {string} */
    this.anchor = "";
    /** How far it is scrolled: a notebook that takes the element off the page forgets it. */
    this.scrolled = 0;
    this.head = h("div", { role: "row", class: "tq-row tq-header", "aria-rowindex": 1 });
    this.body = h("div", { role: "rowgroup", class: "tq-body" });
    const head = h("div", { role: "rowgroup", class: "tq-head" }, this.head);
    this.element = h("div", { role: "grid", class: "tq-grid", "aria-multiselectable": "true", tabindex: -1 }, head, this.body);
    this.listen();
  }

  listen() {
    this.element.addEventListener("scroll", () => this.onScroll(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("click", (event) => this.onClick(event));
    this.element.addEventListener("dblclick", (event) => this.onDoubleClick(event));
    this.element.addEventListener("mousedown", (event) => event.shiftKey && event.preventDefault());
    this.element.addEventListener("focusin", (event) => this.onFocusIn(event));
    this.element.addEventListener("focusout", () => { if (!this.drawing) this.hasFocus = false; });
  }

  get rowHeight() {
    return ROW_PX[this.table.narrow ? "narrow" : /** @type {"compact"} */ (this.table.model.get("density"))];
  }

  get headHeight() {
    return this.table.narrow ? 0 : this.head.offsetHeight;
  }

  get viewHeight() {
    return Math.max(0, this.element.clientHeight - this.headHeight);
  }

  /** Lay out the columns anew. @param {string[]} columns */
  setColumns(columns) {
    this.columns = columns;
    this.rows.forEach((row) => row.element.remove());
    this.rows.clear();
    this.layOut();
    setAttr(this.element, "aria-colcount", String(columns.length + 1));
    this.drawHead();
    this.focus.col = Math.min(this.focus.col, columns.length);
    this.draw();
  }

  /** Share the width out: as the user has dragged a column, else none for those with nothing to show. */
  layOut() {
    const widths = { ...this.table.model.get("widths"), ...this.dragged };
    const tasks = [...this.page.tasks.values()];
    const sizes = this.columns.map((name) => {
      const { width, grow, empty } = columnOf(name);
      if (widths[name]) return { width: widths[name], grow: 0 };
      const bare = tasks.length > 0 && empty !== undefined && tasks.every(empty);
      return bare ? { width: Math.min(width, EMPTY_PX), grow: 0 } : { width, grow };
    });
    const tracks = sizes.map(({ width, grow }) => (grow ? `minmax(${width}px, ${grow}fr)` : `${width}px`));
    this.element.style.setProperty("--tq-tracks", [`${SELECT_PX}px`, ...tracks].join(" "));
    this.element.style.setProperty("--tq-least", `${sizes.reduce((sum, { width }) => sum + width, SELECT_PX)}px`);
  }

  /** Make a column as wide as the pointer drags its edge. @param {PointerEvent} event @param {string} name */
  onDrag(event, name) {
    const edge = /** @type {HTMLElement} */ (event.target);
    const start = /** @type {HTMLElement} */ (edge.parentElement).offsetWidth - event.clientX;
    event.preventDefault();
    edge.setPointerCapture(event.pointerId);
    const move = (/** @type {PointerEvent} */ to) => {
      this.dragged = { [name]: Math.max(LEAST_PX, Math.round(start + to.clientX)) };
      this.layOut();
    };
    const end = () => {
      edge.removeEventListener("pointermove", move);
      if (this.dragged) this.keepWidths(this.dragged);
    };
    edge.addEventListener("pointermove", move);
    edge.addEventListener("lostpointercapture", end, { once: true });
  }

  /** @param {Record<string, number | null>} widths null for as wide as fits */
  keepWidths(widths) {
    this.dragged = undefined;
    const all = Object.entries({ ...this.table.model.get("widths"), ...widths });
    this.table.setTrait("widths", Object.fromEntries(all.filter(([, width]) => width !== null)));
    this.layOut();
  }

  /** Make the column of a header wider or narrower, by keyboard. @param {number} col @param {number} step in pixels */
  widen(col, step) {
    const name = this.columns[col - 1];
    const cell = /** @type {HTMLElement | undefined} */ (this.head.children[col]);
    if (name && cell) this.keepWidths({ [name]: Math.max(LEAST_PX, cell.offsetWidth + step) });
  }

  drawHead() {
    const all = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", tabindex: -1, "aria-label": "Select the rows on this screen" }));
    all.addEventListener("change", () => this.selectScreen());
    this.all = all;
    this.head.replaceChildren(h("div", { role: "columnheader", class: "tq-cell tq-cell-select", "aria-colindex": 1 }, all));
    this.columns.forEach((name, i) => this.head.append(this.headCell(name, i + 2)));
    this.showSort();
  }

  /** @param {string} name @param {number} index */
  headCell(name, index) {
    const { label, end, sort } = columnOf(name);
    const edge = h("span", { class: "tq-edge", "aria-hidden": "true", title: "Drag to make the column wider; double-click for as wide as fits",
      onpointerdown: (/** @type {PointerEvent} */ event) => this.onDrag(event, name),
      onclick: (/** @type {Event} */ event) => event.stopPropagation(),
      ondblclick: () => this.keepWidths({ [name]: null }) });
    return h("div", { role: "columnheader", class: `tq-cell ${cellClass(name)}${end ? " tq-end" : ""}`, "aria-colindex": index,
      "data-sort": sort, title: sort ? `Sort by ${label.toLowerCase()}` : null }, h("span", {}, label), sort ? icon("up") : null, edge);
  }

  /** Say in the header what the table is sorted by. */
  showSort() {
    const { sort, descending } = this.table.query;
    for (const cell of /** @type {Iterable<HTMLElement>} */ (this.head.children)) {
      if (!cell.dataset.sort) continue;
      const state = cell.dataset.sort === sort ? (descending ? "descending" : "ascending") : "none";
      cell.setAttribute("aria-sort", state);
    }
  }

  /** Take in a patch from Python. @param {Patch} patch */
  apply(patch) {
    const anchored = this.anchorRow();
    this.page.apply(patch);
    if (patch.rows || patch.cells || patch.ids) this.layOut();
    const head = patch.head ?? {};
    if (head.total !== undefined) this.total = head.total;
    if (head.selected) this.told = head.selected;
    if (this.table.answered === this.table.picked) this.selected = new Set(this.told);
    if (head.query) this.showSort();
    setAttr(this.element, "aria-rowcount", String(this.total + 1));
    this.size();
    if (anchored) this.keepAnchor(anchored);
    this.draw();
  }

  size() {
    const height = this.total * this.rowHeight;
    this.scaled = height > MAX_HEIGHT;
    this.body.style.height = `${Math.min(height, MAX_HEIGHT)}px`;
    this.element.style.setProperty("--tq-row", `${this.rowHeight}px`);
    this.body.hidden = this.total === 0;
  }

  /**
   * The task at the top of the screen, while the order is by something that never changes and
   * the user has scrolled away from the start: new tasks above must not push it down.
   */
  anchorRow() {
    if (this.scaled || this.element.scrollTop < 1 || !["number", "created"].includes(this.table.query.sort)) return null;
    const place = Math.ceil(this.element.scrollTop / this.rowHeight);
    const id = this.page.idAt(place);
    return id ? { id, place } : null;
  }

  /** @param {{ id: string, place: number }} anchored */
  keepAnchor({ id, place }) {
    const now = this.page.placeOf(id);
    if (now >= 0 && now !== place) this.element.scrollTop += (now - place) * this.rowHeight;
  }

  /** The row at the top of the screen, with its fraction out of sight. */
  get topRow() {
    if (!this.scaled) return this.element.scrollTop / this.rowHeight;
    const room = MAX_HEIGHT - this.viewHeight;
    const last = Math.max(0, this.total - this.viewHeight / this.rowHeight);
    return room > 0 ? (this.element.scrollTop / room) * last : 0;
  }

  /** @param {number} row */
  scrollTopFor(row) {
    if (!this.scaled) return row * this.rowHeight;
    const last = Math.max(1, this.total - this.viewHeight / this.rowHeight);
    return (row / last) * (MAX_HEIGHT - this.viewHeight);
  }

  /** First and last-but-one row in sight. */
  inSight() {
    const top = this.topRow;
    const first = clamp(Math.floor(top), 0, Math.max(0, this.total - 1));
    return { first, end: Math.min(this.total, Math.ceil(top + this.viewHeight / this.rowHeight)) };
  }

  onScroll() {
    this.scrolled = this.element.scrollTop;
    this.schedule();
  }

  /** Scroll back to where it was before it was taken off the page. */
  restore() {
    if (this.element.scrollTop === 0 && this.scrolled > 0) this.element.scrollTop = this.scrolled;
  }

  schedule() {
    if (!this.scheduled) this.scheduled = requestAnimationFrame(() => { this.scheduled = 0; this.draw(); });
  }

  /** Put on screen what is in sight. */
  draw() {
    if (!this.element.isConnected || !this.columns.length) return;
    const { first, end } = this.inSight();
    this.drawing = true;
    /** @type {HTMLElement[]} */
    const elements = [];
    const wanted = new Set();
    for (let place = Math.max(0, first - 4); place < Math.min(this.total, end + 4); place++) {
      const id = this.page.idAt(place);
      const key = id ?? `?${place}`;
      wanted.add(key);
      elements.push(this.place(key, id, place));
    }
    for (const [key, row] of this.rows) {
      if (!wanted.has(key)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
    this.order(elements);
    this.drawing = false;
    this.keepFocus();
    this.showAll();
    this.table.showRange(first, end);
    this.ask(first, end);
  }

  /** Show one row at its place. @param {string} key @param {string | undefined} id @param {number} place */
  place(key, id, place) {
    let row = this.rows.get(key);
    if (!row) this.rows.set(key, (row = new Row(this.columns)));
    const y = this.scaled ? this.element.scrollTop + (place - this.topRow) * this.rowHeight : place * this.rowHeight;
    row.element.style.transform = `translateY(${Math.round(y)}px)`;
    row.element.dataset.id = id ?? "";
    setAttr(row.element, "aria-rowindex", String(place + 2));
    row.show((id !== undefined && this.page.tasks.get(id)) || null);
    row.select(id !== undefined && this.selected.has(id));
    return row.element;
  }

  /** Put elements in order without moving the one that holds the focus. @param {HTMLElement[]} elements */
  order(elements) {
    const held = elements.find((element) => element.contains(this.active()));
    for (let i = elements.length - 1; i >= 0; i--) {
      const next = elements[i + 1] ?? null;
      if (elements[i] !== held && elements[i].nextSibling !== next) this.body.insertBefore(elements[i], next);
      else if (!elements[i].parentNode) this.body.append(elements[i]);
    }
  }

  /** Ask Python for rows that are in sight and not here. @param {number} first @param {number} end */
  ask(first, end) {
    const { first: from, count } = this.asked;
    const low = Math.max(0, first - MARGIN / 2);
    const high = Math.min(this.total, end + MARGIN / 2);
    if (low >= from && high <= from + count) return;
    this.asked = this.windowFor(first, end);
    this.table.sendWindow();
  }

  /** The window to ask for around rows in sight. @param {number} first @param {number} end */
  windowFor(first, end) {
    const from = Math.max(0, first - MARGIN);
    const fill = Math.ceil(this.viewHeight / this.rowHeight);
    return { first: from, count: Math.max(end - from, fill) + MARGIN };
  }

  // -- focus

  active() {
    return /** @type {Document | ShadowRoot} */ (this.element.getRootNode()).activeElement;
  }

  /** @param {number} row @param {number} col */
  cellAt(row, col) {
    if (row < 0) return /** @type {HTMLElement | undefined} */ (this.head.children[col]);
    const element = this.rows.get(this.page.idAt(row) ?? "")?.element;
    return /** @type {HTMLElement | undefined} */ (element?.children[col]);
  }

  /** Keep one cell in the tab order, and the focus where the user left it. */
  keepFocus() {
    const { id } = this.focus;
    if (this.focus.row >= 0) {
      const now = this.page.placeOf(id);
      if (now >= 0) this.focus.row = now;
      else this.focus.row = Math.min(this.focus.row, this.total - 1);
    }
    if (this.focus.row < 0 && this.table.narrow && this.total) this.focus.row = 0;
    this.focus.id = this.page.idAt(this.focus.row) ?? id;
    const cell = this.cellAt(this.focus.row, this.focus.col);
    this.element.querySelectorAll('[tabindex="0"]').forEach((other) => other !== cell && other.removeAttribute("tabindex"));
    this.element.tabIndex = cell ? -1 : 0;
    if (cell) cell.tabIndex = 0;
    if (this.hasFocus && !this.element.contains(this.active())) this.takeFocus(cell);
    else if (this.hasFocus && this.active() === this.element && cell) this.takeFocus(cell);
  }

  /** @param {HTMLElement | undefined} cell */
  takeFocus(cell) {
    (cell ?? this.element).focus({ preventScroll: true });
  }

  /** Move the keyboard to a cell, scrolling it into sight. @param {number} row @param {number} col */
  focusAt(row, col) {
    const least = this.table.narrow ? 0 : -1;
    row = clamp(row, Math.min(least, this.total - 1), this.total - 1);
    col = clamp(col, 0, this.columns.length);
    this.focus = { row, col, id: this.page.idAt(row) ?? "" };
    this.hasFocus = true;
    if (row >= 0) this.reveal(row);
    this.draw();
    const cell = this.cellAt(row, col);
    this.takeFocus(cell);
    cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Scroll a row into sight. @param {number} row */
  reveal(row) {
    const rows = this.viewHeight / this.rowHeight;
    const top = this.topRow;
    if (row < top) this.element.scrollTop = this.scrollTopFor(row);
    else if (row + 1 > top + rows) this.element.scrollTop = Math.ceil(this.scrollTopFor(row + 1 - rows));
  }

  /** @param {FocusEvent} event */
  onFocusIn(event) {
    this.hasFocus = true;
    const target = /** @type {HTMLElement} */ (event.target);
    const cell = /** @type {HTMLElement | null} */ (target.closest("[aria-colindex]"));
    const row = /** @type {HTMLElement | null} */ (target.closest("[role=row]"));
    if (!cell || !row) return;
    this.focus = { row: Number(row.getAttribute("aria-rowindex")) - 2, col: Number(cell.getAttribute("aria-colindex")) - 1,
      id: row.dataset.id ?? "" };
  }

  // -- keyboard and mouse

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const { row, col } = this.focus;
    const command = event.ctrlKey || event.metaKey;
    const pageful = Math.max(1, Math.floor(this.viewHeight / this.rowHeight) - 1);
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowDown: () => this.step(row + 1, col, event.shiftKey),
      ArrowUp: () => this.step(row - 1, col, event.shiftKey),
      ArrowLeft: () => this.focusAt(row, col - 1),
      ArrowRight: () => this.focusAt(row, col + 1),
      PageDown: () => this.step(row + pageful, col, event.shiftKey),
      PageUp: () => this.step(Math.max(0, row - pageful), col, event.shiftKey),
      Home: () => (command ? this.focusAt(0, 0) : this.focusAt(row, 0)),
      End: () => (command ? this.focusAt(this.total - 1, this.columns.length) : this.focusAt(row, this.columns.length)),
      " ": () => this.onSpace(event.shiftKey),
      Enter: () => this.onEnter(),
      Escape: () => this.table.select("none"),
      a: () => this.table.select("all"),
    };
    if (row < 0 && event.altKey && event.shiftKey && event.key.startsWith("Arrow")) {
      keys.ArrowLeft = () => this.widen(col, -16);
      keys.ArrowRight = () => this.widen(col, 16);
    }
    const key = command && event.key.toLowerCase() === "a" ? "a" : event.key;
    if (!keys[key] || (key === "a" && !command) || (key === "Escape" && !this.table.anySelected)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[key]();
  }

  /** Move to a row, taking the rows between along when extending. @param {number} row @param {number} col @param {boolean} extend */
  step(row, col, extend) {
    if (extend && !this.anchor) this.anchor = this.focus.id;
    this.focusAt(row, col);
    if (extend && this.focus.id) this.table.select("range", [this.anchor, this.focus.id]);
  }

  /** @param {boolean} extend */
  onSpace(extend) {
    const { row, col, id } = this.focus;
    if (row < 0) return col === 0 ? this.selectScreen() : this.sort(col);
    if (!id) return undefined;
    if (extend && this.anchor) return this.table.select("range", [this.anchor, id], true);
    return this.toggle(id);
  }

  onEnter() {
    const { row, col, id } = this.focus;
    if (row < 0) return col === 0 ? this.selectScreen() : this.sort(col);
    if (!id) return undefined;
    return this.table.open(id, this.columns[col - 1] === "code" ? "code" : "task");
  }

  /** @param {number} col */
  sort(col) {
    const name = this.columns[col - 1];
    if (name && columnOf(name).sort) this.table.sortBy(/** @type {string} */ (columnOf(name).sort));
  }

  /** @param {string} id */
  toggle(id) {
    this.anchor = id;
    this.table.select(this.selected.has(id) ? "remove" : "add", [id]);
  }

  /** @param {MouseEvent} event */
  onClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const header = /** @type {HTMLElement | null} */ (target.closest("[data-sort]"));
    if (header) return this.table.sortBy(header.dataset.sort ?? "number");
    const row = /** @type {HTMLElement | null} */ (target.closest(".tq-body > .tq-row"));
    const id = row?.dataset.id;
    if (!id) return undefined;
    const opener = /** @type {HTMLElement | null} */ (target.closest("[data-open]"));
    if (opener?.tagName === "BUTTON") return this.table.open(id, opener.dataset.open ?? "task");
    return this.pick(id, event, target.closest(".tq-cell-select") !== null);
  }

  /**
   * Select as file managers do: a click selects one, with Ctrl it adds or takes away, with
   * Shift it extends. A check box always adds or takes away.
   * @param {string} id @param {MouseEvent} event @param {boolean} box
   */
  pick(id, event, box) {
    if (window.getSelection()?.toString()) return;
    const adds = event.ctrlKey || event.metaKey || box || this.table.narrow;
    if (event.shiftKey && this.anchor) {
      if (box) this.draw(); // the box has toggled by itself: back to what is selected
      this.table.select("range", [this.anchor, id], adds);
    } else if (adds) this.toggle(id);
    else {
      this.anchor = id;
      this.table.select("only", [id]);
    }
    this.focusCell(id, box ? 0 : this.focus.col);
  }

  /** @param {string} id @param {number} col */
  focusCell(id, col) {
    const place = this.page.placeOf(id);
    if (place >= 0) this.focusAt(place, col);
  }

  /** @param {MouseEvent} event */
  onDoubleClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("button, input")) return;
    const id = /** @type {HTMLElement | null} */ (target.closest(".tq-body > .tq-row"))?.dataset.id;
    if (id) this.table.open(id, target.closest(".tq-cell-code") ? "code" : "task");
  }

  // -- the rows on this screen

  /** Ids of the rows wholly in sight. */
  onScreen() {
    const top = this.topRow;
    const ids = [];
    for (let place = Math.ceil(top - 0.5); place < top + this.viewHeight / this.rowHeight - 0.5; place++) {
      const id = this.page.idAt(place);
      if (id) ids.push(id);
    }
    return ids;
  }

  selectScreen() {
    const ids = this.onScreen();
    const all = ids.length > 0 && ids.every((id) => this.selected.has(id));
    this.table.select(all ? "none" : "add", all ? [] : ids);
  }

  /** Show in the header whether the rows on this screen are selected. */
  showAll() {
    const ids = this.onScreen();
    const chosen = ids.filter((id) => this.selected.has(id)).length;
    if (!this.all) return;
    this.all.checked = ids.length > 0 && chosen === ids.length;
    this.all.indeterminate = chosen > 0 && chosen < ids.length;
  }

  /**
   * Select at once what of it is here; Python does the same over the whole set.
   * @param {string} op @param {string[]} ids @param {boolean} keep
   */
  selectNow(op, ids, keep) {
    if (op === "none" || op === "only" || (op === "range" && !keep)) this.selected.clear();
    if (op === "all") this.page.ids.forEach((id) => this.selected.add(id));
    if (op === "add" || op === "only") ids.forEach((id) => this.selected.add(id));
    if (op === "range") this.between(ids).forEach((id) => this.selected.add(id));
    if (op === "remove") ids.forEach((id) => this.selected.delete(id));
    for (const [key, row] of this.rows) row.select(this.selected.has(key));
    this.showAll();
  }

  /** The ids from one to the other, as far as they are here. @param {string[]} ends */
  between(ends) {
    const places = ends.map((id) => this.page.ids.indexOf(id)).filter((place) => place >= 0);
    return places.length ? this.page.ids.slice(Math.min(...places), Math.max(...places) + 1) : [];
  }
}

// ---- the bar above the rows

/** Filter, status chips, time, columns and density. */
class Toolbar {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.search = /** @type {HTMLInputElement} */ (h("input", { type: "search", class: "tq-input", placeholder: "Filter by name, code or number",
      "aria-label": "Filter tasks by name, code or number", spellcheck: "false", autocomplete: "off" }));
    /** Whether text has been typed that was not asked for yet. */
    this.typing = false;
    const settled = debounce(() => { if (this.typing) table.ask({}); }, 120);
    this.search.addEventListener("input", () => { this.typing = true; settled(); });
    this.search.addEventListener("keydown", (event) => this.onSearchKey(event));
    this.chips = h("div", { class: "tq-chips", role: "group", "aria-label": "Filter by status" },
      ...Object.keys(STATUSES).map((status) => this.chip(status)));
    this.menu = new Menu("Columns", "columns", () => this.columnList());
    this.density = h("button", { type: "button", class: "tq-button tq-icon-button tq-density", onclick: () => this.toggleDensity() });
    this.element = h("div", { class: "tq-toolbar" },
      h("div", { class: "tq-search" }, icon("search"), this.search), this.chips,
      h("div", { class: "tq-tools" }, this.timeSelect(), this.sortSelect(), this.menu.element, this.density));
    this.between = this.betweenRow();
  }

  /** @param {KeyboardEvent} event */
  onSearchKey(event) {
    if (event.key === "ArrowDown" && this.table.grid.total) {
      event.preventDefault();
      this.table.grid.focusAt(0, Math.min(2, this.table.grid.columns.length));
    } else if (event.key === "Escape" && this.search.value) {
      event.stopPropagation();
      this.search.value = "";
      this.table.ask({ text: "" });
    }
  }

  /** @param {string} status */
  chip(status) {
    return h("button", { type: "button", class: "tq-chip", "data-status": status, "aria-pressed": "false",
      onclick: () => this.toggleStatus(status) },
      icon(/** @type {keyof typeof ICONS} */ (status)), h("span", { class: "tq-chip-label" }, STATUSES[status]),
      h("span", { class: "tq-chip-count" }, "0"));
  }

  /** @param {string} status */
  toggleStatus(status) {
    const chosen = new Set(this.table.query.statuses);
    if (!chosen.delete(status)) chosen.add(status);
    this.table.ask({ statuses: Object.keys(STATUSES).filter((name) => chosen.has(name)) });
  }

  timeSelect() {
    this.time = /** @type {HTMLSelectElement} */ (h("select", { class: "tq-input", "aria-label": "Filter by time of creation" },
      ...TIMES.map(([value, label]) => h("option", { value }, label))));
    this.time.addEventListener("change", () => this.onTime());
    return h("div", { class: "tq-select" }, this.time, icon("down"));
  }

  onTime() {
    const value = /** @type {HTMLSelectElement} */ (this.time).value;
    this.between.hidden = value !== "between";
    if (value === "between") this.onBetween();
    else this.table.ask({ within_s: value ? Number(value) : null, after: null, before: null });
  }

  betweenRow() {
    const field = (/** @type {string} */ label) => /** @type {HTMLInputElement} */ (h("input", { type: "datetime-local", class: "tq-input", "aria-label": label }));
    this.from = field("Created from");
    this.to = field("Created until");
    for (const input of [this.from, this.to]) input.addEventListener("change", () => this.onBetween());
    return h("div", { class: "tq-between", hidden: true }, "Created between", this.from, "and", this.to);
  }

  onBetween() {
    const instant = (/** @type {HTMLInputElement} */ input) => (input.value ? new Date(input.value).getTime() / 1000 : null);
    this.table.ask({ within_s: null, after: instant(/** @type {any} */ (this.from)), before: instant(/** @type {any} */ (this.to)) });
  }

  clear() {
    for (const field of [this.search, this.time, this.from, this.to]) /** @type {HTMLInputElement} */ (field).value = "";
  }

  /** Sorting without headers, on a narrow screen. */
  sortSelect() {
    const names = Object.keys(COLUMNS).filter((name) => COLUMNS[name].sort);
    this.sort = /** @type {HTMLSelectElement} */ (h("select", { class: "tq-input", "aria-label": "Sort by" }));
    for (const name of names) {
      for (const way of ["down", "up"]) {
        this.sort.append(h("option", { value: `${COLUMNS[name].sort} ${way}` }, `Sort: ${COLUMNS[name].label} ${way === "down" ? "↓" : "↑"}`));
      }
    }
    this.sort.addEventListener("change", () => {
      const [sort, way] = /** @type {HTMLSelectElement} */ (this.sort).value.split(" ");
      this.table.ask({ sort, descending: way === "down" });
    });
    return h("div", { class: "tq-select tq-sort" }, this.sort, icon("down"));
  }

  /** What the columns menu holds. */
  columnList() {
    const { model, grid } = this.table;
    const auto = model.get("columns").length === 0;
    const tasks = [...grid.page.tasks.values()];
    const known = new Set([...tasks.flatMap((task) => task.arguments.map(([name]) => ARGUMENT + name)), ...grid.columns.filter((name) => name.startsWith(ARGUMENT))]);
    const item = (/** @type {string} */ label, /** @type {boolean} */ checked, /** @type {() => void} */ call) => {
      const box = /** @type {HTMLInputElement} */ (h("input", { type: "checkbox", onchange: call }));
      box.checked = checked;
      return h("label", { class: "tq-menu-item" }, box, label);
    };
    const choose = (/** @type {string} */ name) => {
      const shown = new Set(grid.columns);
      if (!shown.delete(name)) shown.add(name);
      this.table.setTrait("columns", [...Object.keys(COLUMNS), ...known].filter((column) => shown.has(column)));
    };
    return [
      item("As many as fit", auto, () => this.table.setTrait("columns", auto ? [...grid.columns] : [])),
      h("hr"),
      ...Object.keys(COLUMNS).map((name) => item(COLUMNS[name].label, grid.columns.includes(name), () => choose(name))),
      known.size ? h("hr") : "",
      ...[...known].map((name) => item(`Argument ${columnOf(name).label}`, grid.columns.includes(name), () => choose(name))),
    ];
  }

  toggleDensity() {
    this.table.setTrait("density", this.table.model.get("density") === "compact" ? "comfortable" : "compact");
  }

  showDensity() {
    const other = this.table.model.get("density") === "compact" ? "comfortable" : "compact";
    this.density.replaceChildren(icon(/** @type {"compact"} */ (other)));
    for (const name of ["title", "aria-label"]) this.density.setAttribute(name, `${other === "compact" ? "Compact" : "Comfortable"} rows`);
  }

  /** @param {Partial<Head>} head */
  show(head) {
    if (head.counts) this.showCounts(head.counts);
    if (head.query) this.showQuery(head.query);
  }

  /** @param {Record<string, number>} counts */
  showCounts(counts) {
    for (const chip of /** @type {Iterable<HTMLElement>} */ (this.chips.children)) {
      const status = /** @type {string} */ (chip.dataset.status);
      setText(/** @type {HTMLElement} */ (chip.lastElementChild), amount(counts[status] ?? 0));
    }
  }

  /** @param {Query} query */
  showQuery(query) {
    if (this.table.active() !== this.search && !this.typing) this.search.value = query.text;
    for (const chip of /** @type {Iterable<HTMLElement>} */ (this.chips.children)) {
      chip.setAttribute("aria-pressed", String(query.statuses.includes(/** @type {string} */ (chip.dataset.status))));
    }
    const bounded = query.after !== null || query.before !== null;
    const time = /** @type {HTMLSelectElement} */ (this.time);
    if (query.within_s !== null) time.value = String(query.within_s);
    else if (bounded) time.value = "between";
    else if (time.value !== "between") time.value = "";
    this.between.hidden = time.value !== "between";
    const sort = /** @type {HTMLSelectElement} */ (this.sort);
    sort.value = `${query.sort} ${query.descending ? "down" : "up"}`;
  }
}

/** A button that opens a panel below it. */
class Menu {
  /** @param {string} label @param {keyof typeof ICONS} picture @param {() => (Node | string)[]} fill */
  constructor(label, picture, fill) {
    this.fill = fill;
    this.button = h("button", { type: "button", class: "tq-button", "aria-expanded": "false", "aria-label": label, title: label,
      onclick: () => this.toggle() }, icon(picture), h("span", { class: "tq-button-label" }, label));
    this.panel = h("div", { class: "tq-menu", role: "group", "aria-label": label, hidden: true });
    this.element = h("div", { class: "tq-menu-root" }, this.button, this.panel);
    this.element.addEventListener("keydown", (event) => this.onKey(event));
    this.element.addEventListener("focusout", (event) => this.onFocusOut(event));
  }

  toggle() {
    this.panel.hidden = !this.panel.hidden;
    this.button.setAttribute("aria-expanded", String(!this.panel.hidden));
    if (this.panel.hidden) return;
    this.refresh();
    const foot = /** @type {Element} */ (this.element.closest(".tq-table")).getBoundingClientRect().bottom;
    // A short table cuts what hangs over its edge: the list scrolls instead.
    this.panel.style.maxHeight = `${Math.round(foot - this.panel.getBoundingClientRect().top) - 8}px`;
    /** @type {HTMLElement | null} */ (this.panel.querySelector("input"))?.focus();
  }

  /** Fill the panel anew, keeping the focus on the same item. */
  refresh() {
    if (this.panel.hidden) return;
    const boxes = () => /** @type {HTMLElement[]} */ ([...this.panel.querySelectorAll("input")]);
    const held = boxes().findIndex((box) => box.matches(":focus"));
    this.refilling = true;
    this.panel.replaceChildren(...this.fill());
    this.refilling = false;
    if (held >= 0) boxes()[held]?.focus();
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    if (event.key !== "Escape" || this.panel.hidden) return;
    event.stopPropagation();
    this.toggle();
    this.button.focus();
  }

  /** @param {FocusEvent} event */
  onFocusOut(event) {
    if (this.refilling || this.panel.hidden || this.element.contains(/** @type {Node | null} */ (event.relatedTarget))) return;
    if (event.relatedTarget === null && this.panel.matches(":hover")) return;
    this.toggle();
  }
}

// ---- the bar below the rows

/** What is in sight, what is selected, and what can be done with it. */
class Footer {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.range = h("span", { class: "tq-range" });
    this.count = h("strong", { class: "tq-chosen-count" });
    this.hidden = h("span", { class: "tq-chosen-hidden" });
    const clear = h("button", { type: "button", class: "tq-button tq-icon-button", title: "Clear the selection",
      "aria-label": "Clear the selection", onclick: () => table.select("none") }, icon("close"));
    /** @type {Record<string, HTMLButtonElement>} */
    this.buttons = {};
    this.chosen = h("div", { class: "tq-chosen", role: "toolbar", "aria-label": "Selected tasks", hidden: true }, clear, this.count, this.hidden,
      this.button("cancel", "Cancel"), this.button("retry", "Retry"), this.button("delete", "Delete"),
      this.button("copy", "Copy id"), this.button("csv", "Export CSV"));
    this.element = h("div", { class: "tq-footer" }, this.chosen, this.range);
    this.offer = h("div", { class: "tq-offer", hidden: true });
  }

  /** @param {"cancel" | "retry" | "delete" | "copy" | "csv"} action @param {string} label */
  button(action, label) {
    this.buttons[action] = /** @type {HTMLButtonElement} */ (h("button", { type: "button", class: "tq-button", "data-action": action, title: label,
      onclick: () => this.table.act(action) }, icon(action), h("span", { class: "tq-button-label" }, label)));
    return this.buttons[action];
  }

  /** @param {[number, number, number, number, number]} selection */
  show([count, cancellable, , hidden, finished]) {
    this.chosen.hidden = count === 0;
    setText(this.count, `${amount(count)} selected`);
    setText(this.hidden, hidden ? `${hidden < 0 ? "some may be" : amount(hidden)} not in this view` : "");
    this.hidden.hidden = !hidden;
    this.buttons.cancel.disabled = cancellable === 0;
    this.buttons.retry.disabled = cancellable === count;
    const retry = finished && finished === count - cancellable ? "Run again" : "Retry";
    this.buttons.retry.title = retry;
    setText(/** @type {HTMLElement} */ (this.buttons.retry.lastElementChild), retry);
    setText(/** @type {HTMLElement} */ (this.buttons.copy.lastElementChild), count === 1 ? "Copy id" : "Copy ids");
  }

  /** Offer to select all that match once all on this screen are. */
  showOffer() {
    const { grid, selection } = this.table;
    const ids = grid.onScreen();
    const screenful = ids.length > 1 && ids.every((id) => grid.selected.has(id));
    const inView = selection[3] < 0 ? 0 : selection[0] - selection[3];
    this.offer.hidden = !screenful || grid.total <= ids.length;
    if (this.offer.hidden) return;
    const all = inView >= grid.total;
    const text = all ? `All ${amount(grid.total)} tasks that match are selected.`
      : `The ${amount(ids.length)} rows on this screen are selected.`;
    if (this.offer.dataset.text === `${text}${grid.total}`) return;
    this.offer.dataset.text = `${text}${grid.total}`;
    const held = this.offer.contains(this.table.active());
    const button = h("button", { type: "button", class: "tq-link", onclick: () => this.table.select(all ? "none" : "all") },
      all ? "Clear the selection" : `Select all ${amount(grid.total)} that match`);
    this.offer.replaceChildren(h("span", {}, text), button);
    if (held) button.focus();
  }

  /** @param {number} first @param {number} end @param {number} total @param {number} all */
  showRange(first, end, total, all) {
    const rows = total ? `${amount(first + 1)}–${amount(end)} of ${amount(total)}` : "";
    setText(this.range, total < all && total ? `${rows} (${amount(all)} in all)` : rows);
  }
}

/** @type {Record<string, { title: (n: number) => string, does: (n: number) => string }>} */
const CONFIRM = {
  cancel: { title: (n) => `Cancel ${counted(n, "task")}?`, does: (n) => `Cancel ${counted(n, "task")}` },
  retry: { title: (n) => `Run ${counted(n, "task")} again?`, does: (n) => `Retry ${counted(n, "task")}` },
  delete: { title: (n) => `Delete ${counted(n, "task")}?`, does: (n) => `Delete ${counted(n, "task")}` },
};

/** What a person should know before confirming. @param {string} action @param {[number, number, number, number, number]} selection */
function consequences(action, [count, cancellable, running, hidden, finished]) {
  const others = action === "cancel" ? count - cancellable : action === "retry" ? cancellable : 0;
  const ended = count - cancellable;
  const afresh = ended - finished;
  const said = [
    action === "cancel" && running ? `${amount(running)} of them ${running === 1 ? "is" : "are"} running and will be stopped.` : "",
    action === "delete" ? `${count === 1 ? "Its result goes with it" : "Their results go with them"}; this cannot be undone.` : "",
    action === "delete" && running ? `${amount(running)} of them ${running === 1 ? "is" : "are"} running and will be cancelled first.` : "",
    action === "retry" && afresh ? `${ended === 1 ? "It is" : !finished ? "Each is" : `${amount(afresh)} of them ${afresh === 1 ? "is" : "are"}`} queued again, as a new attempt.` : "",
    action === "retry" && finished ? `${ended === 1 ? "It has" : !afresh ? "They have" : `${amount(finished)} of them ${finished === 1 ? "has" : "have"}`} finished and ${finished === 1 ? "keeps its value: a new task repeats it" : "keep their values: new tasks repeat them"}.` : "",
    others && action === "cancel" ? `${counted(others, "selected task")} ${others === 1 ? "has" : "have"} ended already and ${others === 1 ? "stays" : "stay"} as ${others === 1 ? "it is" : "they are"}.` : "",
    others && action === "retry" ? `${counted(others, "selected task")} ${others === 1 ? "has" : "have"} not ended and ${others === 1 ? "is" : "are"} left alone.` : "",
    hidden < 0 ? "Some of the selected may not be in this view." : "",
    hidden > 0 ? `${amount(hidden)} of the selected ${hidden === 1 ? "is" : "are"} not in this view.` : "",
  ];
  return said.filter(Boolean).join(" ");
}

/**
 * Ask before acting. Resolves with whether the user confirmed.
 * @param {HTMLElement} root @param {string} action @param {[number, number, number, number, number]} selection
 * @returns {Promise<boolean>}
 */
function confirmed(root, action, selection) {
  const [count, cancellable] = selection;
  const number = action === "cancel" ? cancellable : action === "retry" ? count - cancellable : count;
  const dialog = /** @type {HTMLDialogElement} */ (h("dialog", { class: "tq-dialog", "aria-labelledby": "tq-dialog-title" }));
  const go = h("button", { type: "button", class: `tq-button tq-primary tq-primary-${action}`, onclick: () => dialog.close("yes") }, CONFIRM[action].does(number));
  const keep = h("button", { type: "button", class: "tq-button", onclick: () => dialog.close("") }, "Back");
  dialog.append(
    h("h2", { id: "tq-dialog-title" }, CONFIRM[action].title(number)),
    h("p", {}, consequences(action, selection)),
    h("div", { class: "tq-dialog-buttons" }, keep, go),
  );
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close(""));
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  root.append(dialog);
  dialog.showModal();
  (action === "delete" ? keep : go).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

// ---- states without rows

/** What stands in the place of rows: loading, empty, nothing found, error. */
class Notice {
  /** @param {Table} table */
  constructor(table) {
    this.table = table;
    this.element = h("div", { class: "tq-notice" });
    this.shown = "";
  }

  show() {
    const { model, grid } = this.table;
    const state = model.get("state");
    const kind = state !== "ready" ? state : grid.total ? "" : this.table.all ? "none" : "empty";
    const key = kind + (kind === "error" ? model.get("message") : "");
    if (key === this.shown) return;
    this.shown = key;
    this.element.hidden = kind === "";
    this.element.dataset.kind = kind;
    this.element.replaceChildren(...(kind ? this.content(kind) : []));
    this.table.root.dataset.notice = kind;
  }

  /** @param {string} kind */
  content(kind) {
    if (kind === "loading") return this.skeleton();
    if (kind === "error") {
      return [icon("away"), h("p", { class: "tq-notice-title" }, "The tasks cannot be shown"), h("p", { role: "alert" }, this.table.model.get("message")),
        h("button", { type: "button", class: "tq-button", onclick: () => this.table.send({ type: "action", action: "reload" }) }, "Try again")];
    }
    if (kind === "none") {
      return [icon("search"), h("p", { class: "tq-notice-title" }, "No task matches"), h("p", {}, `None of the ${counted(this.table.all, "task")} fits this filter.`),
        h("button", { type: "button", class: "tq-button", onclick: () => this.table.clearFilter() }, "Clear the filter")];
    }
    return [icon("empty"), h("p", { class: "tq-notice-title" }, "No tasks yet"), h("p", {}, "A task appears here as soon as it is submitted.")];
  }

  skeleton() {
    const bars = Array.from({ length: 6 }, () => h("div", { class: "tq-skeleton" }, h("i"), h("i"), h("i"), h("i")));
    return [h("p", { class: "tq-visually-hidden", role: "status" }, "Loading the tasks"), ...bars];
  }
}

// ---- the whole

/** One display of the widget. */
class Table {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    this.model = model;
    this.view = newId();
    this.asked = 0;
    /** How often the user has changed the selection, and which of these changes Python has answered. */
    this.picked = 0;
    this.answered = 0;
    /** @type {(() => void)[]} */
    this.waiting = [];
    this.all = 0;
    /** @type {Query} */
    this.query = { text: "", statuses: [], after: null, before: null, within_s: null, sort: "number", descending: true };
    /** @type {[number, number, number, number, number]} */
    this.selection = [0, 0, 0, 0, 0];
    this.narrow = false;
    this.seen = false;
    this.opened = false;
    /** What a screen reader hears before the number of tasks when a query is answered. */
    this.said = "";
    /** @type {(() => void)[]} */
    this.ends = [];
    this.grid = new Grid(this);
    this.toolbar = new Toolbar(this);
    this.footer = new Footer(this);
    this.root = h("div", { class: "tq tq-table", onfocusin: keepKeys });
    this.notice = new Notice(this);
    this.banner = h("div", { class: "tq-banner", role: "status", hidden: true }, icon("away"), h("span", {}));
    this.live = h("div", { class: "tq-visually-hidden", role: "status" });
    this.toast = h("div", { class: "tq-toast", role: "status" });
    this.frame = h("div", { class: "tq-frame" }, this.grid.element, this.notice.element);
    this.root.append(this.toolbar.element, this.toolbar.between, this.banner, this.frame, this.footer.offer, this.footer.element, this.toast, this.live);
    place.append(this.root);
    this.link = new KernelLink(model, this.root, () => this.onLink());
    this.listen();
  }

  listen() {
    const on = (/** @type {string} */ event, /** @type {Function} */ call) => {
      this.model.on(event, call);
      this.ends.push(() => this.model.off(event, call));
    };
    on("msg:custom", (/** @type {any} */ message, /** @type {DataView[]} */ buffers) => this.onMessage(message, buffers));
    for (const trait of ["state", "message", "away", "height", "label", "chips"]) on(`change:${trait}`, () => this.showTraits());
    on("change:density", () => this.onResize());
    on("change:columns", () => this.onResize());
    on("change:widths", () => this.grid.layOut());
    this.ends.push(followTheme(this.root, this.model));
    const sizes = new ResizeObserver(() => this.onResize());
    sizes.observe(this.root);
    sizes.observe(this.grid.element);
    const sight = new IntersectionObserver((entries) => this.onSight(entries[entries.length - 1].isIntersecting));
    sight.observe(this.root);
    const visibility = () => this.beat();
    document.addEventListener("visibilitychange", visibility);
    const beats = setInterval(() => this.beat(), BEAT_MS);
    const ticks = setInterval(() => this.tick(), 1000);
    this.ends.push(() => {
      sizes.disconnect();
      sight.disconnect();
      document.removeEventListener("visibilitychange", visibility);
      clearInterval(beats);
      clearInterval(ticks);
      clearTimeout(this.patience);
      clearTimeout(this.hush);
    });
  }

  close() {
    if (this.opened) this.send({ type: "close" });
    this.ends.forEach((end) => end());
    this.link.close();
    this.root.remove();
  }

  // -- to Python

  /** @param {Record<string, any>} content */
  send(content) {
    this.link.send({ ...content, view: this.view });
  }

  /** @param {string} name @param {any} value */
  setTrait(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  /** Open this display in Python, with the query it had before if it had one. */
  open_() {
    const first = !this.opened;
    this.opened = true;
    const { first: from, end } = this.grid.inSight();
    this.grid.asked = this.grid.windowFor(from, Math.max(end, 1));
    this.send({ type: "open", ...this.grid.asked, asked: this.asked, picked: this.picked, query: first ? null : this.query });
  }

  /** What could not be sent while the kernel was lost, such as the rows in sight, goes out now. */
  onLink() {
    if (this.opened && !this.link.lost) this.open_();
  }

  /** Say that somebody looks, if somebody does. */
  beat() {
    if (this.opened && this.seen && document.visibilityState === "visible") this.link.beat({ type: "alive", view: this.view, picked: this.picked });
  }

  /** @param {boolean} seen */
  onSight(seen) {
    const came = seen && !this.seen;
    this.seen = seen;
    if (!came) return;
    this.grid.restore();
    this.beat();
  }

  sendWindow() {
    if (!this.opened || this.windowTimer) return;
    const send = () => this.send({ type: "window", ...this.grid.asked });
    this.windowTimer = window.setTimeout(() => { this.windowTimer = 0; send(); }, 40);
  }

  /** Ask for a changed query, with what has just been typed. @param {Partial<Query>} changes */
  ask(changes) {
    const typed = this.toolbar.typing ? { text: this.toolbar.search.value } : {};
    this.toolbar.typing = false;
    this.query = { ...this.query, ...typed, ...changes };
    this.asked += 1;
    this.said = "";
    this.grid.element.scrollTop = 0;
    this.grid.asked = this.grid.windowFor(0, Math.ceil(this.grid.viewHeight / this.grid.rowHeight));
    this.send({ type: "query", query: this.query, asked: this.asked, count: this.grid.asked.count });
    clearTimeout(this.patience);
    this.patience = window.setTimeout(() => this.root.toggleAttribute("data-waiting", true), PATIENCE_MS);
    this.toolbar.showQuery(this.query);
    this.grid.showSort();
  }

  clearFilter() {
    this.toolbar.clear();
    this.ask({ text: "", statuses: [], after: null, before: null, within_s: null });
    this.toolbar.search.focus();
  }

  /** @param {string} sort */
  sortBy(sort) {
    const fresh = ["number", "created", "started", "finished"].includes(sort); // newest first
    this.ask({ sort, descending: sort === this.query.sort ? !this.query.descending : fresh });
    const label = Object.values(COLUMNS).find((column) => column.sort === sort)?.label ?? sort;
    this.said = `Sorted by ${label.toLowerCase()}, ${this.query.descending ? "descending" : "ascending"}: `;
  }

  /** @param {string} op @param {string[]} [ids] @param {boolean} [keep] */
  select(op, ids = [], keep = false) {
    if (op === "none") this.grid.anchor = "";
    this.grid.selectNow(op, ids, keep);
    this.picked += 1;
    this.send({ type: "select", op, ids, keep, picked: this.picked });
  }

  /** Whether any task is selected, in sight or not. */
  get anySelected() {
    return this.selection[0] > 0 || this.grid.selected.size > 0;
  }

  /** @param {string} id @param {string} part */
  open(id, part) {
    this.send({ type: "open_task", id, part });
  }

  /** @param {"cancel" | "retry" | "delete" | "copy" | "csv"} action */
  async act(action) {
    await this.settled(); // what is confirmed must be what Python will act on
    if (action in CONFIRM && !(await confirmed(this.root, action, this.selection))) return;
    this.send({ type: "action", action });
  }

  /** Resolves when Python has taken in all that was picked, and said what that is. @returns {Promise<void>} */
  settled() {
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.settle();
    });
  }

  settle() {
    if (this.answered === this.picked) this.waiting.splice(0).forEach((resolve) => resolve());
  }

  // -- from Python

  /** @param {any} message @param {DataView[]} buffers */
  onMessage(message, buffers) {
    if (message.view && message.view !== this.view) return;
    if (message.type === "patch") this.apply(message);
    else if (message.type === "reopen") this.open_();
    else if (message.type === "ids") this.copy(message.ids);
    else if (message.type === "csv") this.download(buffers[0], message.count);
    else if (message.type === "say") this.say(message.text, message.kind);
  }

  /** @param {Patch} patch */
  apply(patch) {
    const head = patch.head ?? {};
    if ((head.asked ?? this.asked) < this.asked) delete head.query; // the user has asked for another since
    if (head.all !== undefined) this.all = head.all;
    if (head.selection) this.selection = head.selection;
    if (head.picked !== undefined) this.answered = head.picked;
    if (head.query) this.query = head.query;
    this.toolbar.show(head);
    this.grid.apply(patch);
    if (head.asked && head.asked === this.asked) this.onAnswer();
    if (head.selection) this.footer.show(this.selection);
    this.settle();
    this.footer.showOffer();
    this.notice.show();
  }

  onAnswer() {
    clearTimeout(this.patience);
    this.root.toggleAttribute("data-waiting", false);
    this.announce(`${this.said}${counted(this.grid.total, "task")}`);
  }

  /** @param {string[]} ids */
  async copy(ids) {
    const text = ids.join("\n");
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      copyByHand(this.root, text);
    }
    this.say(`${counted(ids.length, "id")} copied`, "info");
  }

  /** @param {DataView} content @param {number} count */
  download(content, count) {
    const link = /** @type {HTMLAnchorElement} */ (h("a", { download: `tasks-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.csv` }));
    link.href = URL.createObjectURL(new Blob([/** @type {any} */ (content)], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.say(`${counted(count, "task")} exported`, "info");
  }

  /** @param {string} text @param {string} kind */
  say(text, kind) {
    this.toast.dataset.kind = kind;
    setText(this.toast, text);
    clearTimeout(this.hush);
    this.hush = window.setTimeout(() => setText(this.toast, ""), kind === "error" ? 10_000 : 4000);
  }

  /** @param {string} text */
  announce(text) {
    setText(this.live, text);
  }

  // -- showing

  showTraits() {
    const { model } = this;
    this.root.style.maxHeight = model.get("height");
    this.grid.element.setAttribute("aria-label", model.get("label"));
    this.toolbar.chips.hidden = !model.get("chips");
    this.banner.hidden = model.get("away") === "";
    setText(/** @type {HTMLElement} */ (this.banner.lastElementChild), model.get("away"));
    this.notice.show();
  }

  onResize() {
    const width = this.root.clientWidth;
    if (!width) return; // not laid out: hidden, or in a tab in the background
    this.narrow = width < NARROW_PX;
    this.root.dataset.size = this.narrow ? "narrow" : width < MEDIUM_PX ? "medium" : "wide";
    this.root.dataset.density = this.model.get("density");
    const chosen = this.model.get("columns").filter((/** @type {string} */ name) => name in COLUMNS || name.startsWith(ARGUMENT));
    const columns = this.narrow ? ["number", "name", "value", "status", "progress", "seconds"] : chosen.length ? chosen : fitting(width - 2);
    this.toolbar.showDensity();
    this.showTraits();
    this.grid.size();
    if (columns.join() !== this.grid.columns.join()) this.grid.setColumns(columns);
    else this.grid.draw();
    this.toolbar.menu.refresh();
    if (!this.opened) this.open_();
  }

  /** @param {number} first @param {number} end */
  showRange(first, end) {
    this.footer.showRange(first, end, this.grid.total, this.all);
    this.footer.showOffer();
  }

  tick() {
    if (this.seen && !this.link.lost && document.visibilityState === "visible") this.grid.rows.forEach((row) => row.tick());
  }

  active() {
    return /** @type {Document | ShadowRoot} */ (this.root.getRootNode()).activeElement;
  }
}

/** Copy where the page may not use the clipboard itself. @param {HTMLElement} root @param {string} text */
function copyByHand(root, text) {
  const held = /** @type {HTMLElement | null} */ (/** @type {Document} */ (root.getRootNode()).activeElement);
  const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { class: "tq-visually-hidden", "aria-hidden": "true" }));
  area.value = text;
  root.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  held?.focus();
}

/** @param {{ model: Model, el: HTMLElement }} context */
function render({ model, el }) {
  const table = new Table(model, el);
  return () => table.close();
}

export default { render };

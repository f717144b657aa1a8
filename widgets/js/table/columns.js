// @ts-check
/** What is shown of a task: its columns, their widths, and how a cell shows its part. */

import { progressBar, statusChip } from "../shared/controls.js";
import { h, setAttr, setText } from "../shared/dom.js";
import { ago, duration, localTime } from "../shared/format.js";
import { icon } from "../shared/icons.js";
import fields from "./fields.json" with { type: "json" };
import { roughly, secondsLeft } from "../shared/remaining.js";

/**
 * @typedef {import("./tasks.js").Task} Task
 * @typedef {(task: Task) => void} Show shows a task's part in the cell that it was made for
 * @typedef {{ label: string, sort?: string, width: number, grow: number, end?: boolean,
 *   empty?: (task: Task) => boolean, fill: (cell: HTMLElement) => Show }} Column
 */

const ARGUMENT = "argument.";
const SELECT_PX = 44;
/** How narrow a column may be made, and how wide one is that has nothing to show. */
export const LEAST_PX = 48;
const EMPTY_PX = 84;

/** Shows a text, and the whole of it, or more, on pointing at it. @param {(task: Task) => string} text @param {(task: Task) => string} title */
const texts = (text, title = text) => (/** @type {HTMLElement} */ cell) => (/** @type {Task} */ task) => {
  setText(cell, text(task));
  setAttr(cell, "title", title(task) || null);
};

/** Shows a button that opens a part of the task. @param {string} part @param {(task: Task) => string} text @param {(task: Task) => string} [label] */
const opens = (part, text, label) => (/** @type {HTMLElement} */ cell) => {
  const button = h("button", { type: "button", tabindex: -1, class: `tq-open tq-open-${part}`, "data-open": part });
  cell.append(button);
  return (/** @type {Task} */ task) => {
    setText(button, text(task));
    setAttr(button, "aria-label", label?.(task) ?? null);
    setAttr(cell, "title", label ? null : task.name || null);
    button.hidden = text(task) === "";
  };
};

/** The number, and the sign of the status: it shows where an open task covers the column of statuses. @param {HTMLElement} cell */
function number(cell) {
  const text = h("span");
  cell.append(text);
  let shown = "";
  return (/** @type {Task} */ task) => {
    setText(text, String(task.number));
    if (shown === task.status) return;
    shown = task.status;
    cell.replaceChildren(icon(shown), text);
  };
}

/** @param {HTMLElement} cell */
function status(cell) {
  return (/** @type {Task} */ task) => {
    if (cell.dataset.status === task.status) return;
    cell.dataset.status = task.status;
    cell.replaceChildren(statusChip(task.status));
  };
}

/** @param {HTMLElement} cell */
function value(cell) {
  const show = texts((task) => task.value, (task) => task.whole)(cell);
  return (/** @type {Task} */ task) => {
    cell.dataset.kind = task.kind;
    show(task);
  };
}

/** @param {HTMLElement} cell */
function progress(cell) {
  const { bar, show } = progressBar("");
  const text = h("span", { class: "tq-percent" });
  cell.append(bar, text);
  return (/** @type {Task} */ task) => {
    const share = task.status === "FINISHED" ? 1 : task.progress;
    const shown = task.status === "RUNNING" || (share !== null && task.status !== "QUEUEING");
    cell.dataset.status = task.status;
    bar.hidden = !shown;
    const percent = show(share);
    const left = task.status === "RUNNING" ? roughly(secondsLeft(task, Date.now() / 1000)) : "";
    setAttr(bar, "aria-valuetext", left ? `${percent} %, about ${left} left` : shown && percent === null ? "running, progress not known" : null);
    setText(text, shown && percent !== null ? [`${percent} %`, left].filter(Boolean).join(" · ") : "");
    setAttr(cell, "title", [task.note, left && `about ${left} left`].filter(Boolean).join(" · ") || null);
  };
}

/** @param {HTMLElement} cell */
function seconds(cell) {
  return (/** @type {Task} */ task) => {
    const running = task.status === "RUNNING";
    const s = running && task.started !== null ? Math.max(0, Date.now() / 1000 - task.started) : task.seconds;
    cell.toggleAttribute("data-open", running);
    setText(cell, s === null ? "" : duration(s));
  };
}

/** @param {Task} task */
const attempt = ({ attempt: at, attempts: of }) => (at === 0 ? "" : of > 1 ? `${at} of ${of}` : `${at}`);
/** @param {Task} task */
const created = (task) => (task.created === null ? "" : ago(Date.now() / 1000 - task.created));

/** How wide columns are that show a field as it is; others are as `batch`. @type {Record<string, { width: number, grow: number }>} */
const PLAIN = { worker: { width: 100, grow: 0.8 }, owner: { width: 90, grow: 0.5 }, queue: { width: 90, grow: 0.4 },
  batch: { width: 90, grow: 0.4 } };
const OTHERS = fields.plain.filter((name) => !(name in PLAIN));

/** A column for a field as it is, a text. @param {string} name */
function plain(name) {
  const text = (/** @type {any} */ task) => String(task[name]);
  return { ...(PLAIN[name] ?? PLAIN.batch), empty: (/** @type {Task} */ task) => !text(task), fill: texts(text) };
}

/** Columns that show their part of a task in a way of their own. @type {Record<string, Omit<Column, "label" | "sort">>} */
const SHOWN = {
  number: { width: 88, grow: 0, end: true, fill: number },
  name: { width: 150, grow: 2.2, fill: opens("task", (task) => task.name || "(no name)") },
  code: { width: 110, grow: 1.2, empty: (task) => !task.code,
    fill: opens("code", (task) => task.code, (task) => `Code of task ${task.number}: ${task.code}`) },
  arguments: { width: 110, grow: 1.2, empty: (task) => !task.arguments.length,
    fill: texts((task) => task.arguments.map(([name, text]) => `${name}=${text}`).join(", ")) },
  value: { width: 120, grow: 1.5, empty: (task) => !task.value, fill: value },
  status: { width: 116, grow: 0, fill: status },
  progress: { width: 160, grow: 0, fill: progress },
  seconds: { width: 98, grow: 0, end: true, fill: seconds },
  attempt: { width: 78, grow: 0, end: true, fill: texts(attempt, () => "") },
  created: { width: 96, grow: 0, end: true,
    fill: texts(created, (task) => (task.created === null ? "" : localTime(task.created))) },
};

const NAMES = ["number", "name", "code", "arguments", "value", "status", "progress", "seconds",
  ...Object.keys(PLAIN), ...OTHERS, "attempt", "created"];
/** What stands above a column. @type {Record<string, string>} */
const LABELS = fields.labels;

/** The fixed columns, in order. @type {Record<string, Column>} */
export const COLUMNS = Object.fromEntries(NAMES.map((name) => [name, { label: LABELS[name],
  sort: fields.sortable.includes(name) ? name : undefined, ...(SHOWN[name] ?? plain(name)) }]));

/** What goes first when not all columns fit. */
const DISPENSABLE = [...OTHERS, "batch", "queue", "owner", "attempt", "worker", "code", "created", "arguments", "progress", "seconds"];
/** What a card shows, where there is no room for columns. */
export const CARD = ["number", "name", "value", "status", "progress", "seconds"];

/** @param {string} name of a column */
export const isArgument = (name) => name.startsWith(ARGUMENT);

/** The column of a name; one that begins with `argument.` shows that argument. @param {string} name @returns {Column} */
export function columnOf(name) {
  if (!isArgument(name)) return COLUMNS[name];
  const label = name.slice(ARGUMENT.length);
  const text = (/** @type {Task} */ task) => task.arguments.find(([argument]) => argument === label)?.[1] ?? "";
  return { label, sort: name, width: 84, grow: 0.6, empty: (task) => !text(task), fill: texts(text) };
}

/** What is sorted by, in words: an argument is called as it is. @param {string} sort */
export function sortLabel(sort) {
  if (isArgument(sort)) return columnOf(sort).label;
  return (Object.values(COLUMNS).find((column) => column.sort === sort)?.label ?? sort).toLowerCase();
}

/** Names of the columns for the arguments of some tasks. @param {Iterable<Task>} tasks */
export function argumentColumns(tasks) {
  return [...new Set([...tasks].flatMap((task) => task.arguments.map(([name]) => ARGUMENT + name)))];
}

/** The classes of a column's cells. @param {string} name */
export function cellClass(name) {
  return `tq-cell tq-cell-${isArgument(name) ? "argument" : name}${columnOf(name).end ? " tq-end" : ""}`;
}

/** Columns to show at a width, when the user has chosen none. @param {number} width */
export function fitting(width) {
  const names = Object.keys(COLUMNS);
  const needed = () => names.reduce((sum, name) => sum + columnOf(name).width, SELECT_PX);
  for (const name of DISPENSABLE) {
    if (needed() <= width) break;
    names.splice(names.indexOf(name), 1);
  }
  return names;
}

/**
 * Share the width out: as the user has dragged a column, else none for those with nothing to show.
 * @param {string[]} columns @param {Record<string, number>} widths in pixels @param {Task[]} tasks in sight
 * @returns {{ tracks: string, least: number }} the tracks of a CSS grid, and how wide they are at least
 */
export function shareOut(columns, widths, tasks) {
  const sizes = columns.map((name) => {
    const { width, grow, empty } = columnOf(name);
    if (widths[name]) return { width: widths[name], grow: 0 };
    const bare = tasks.length > 0 && empty !== undefined && tasks.every(empty);
    return bare ? { width: Math.min(width, EMPTY_PX), grow: 0 } : { width, grow };
  });
  const tracks = sizes.map(({ width, grow }) => (grow ? `minmax(${width}px, ${grow}fr)` : `${width}px`));
  return { tracks: [`${SELECT_PX}px`, ...tracks].join(" "), least: sizes.reduce((sum, { width }) => sum + width, SELECT_PX) };
}

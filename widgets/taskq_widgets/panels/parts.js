// @ts-check
/**
 * What the panels of the board share: elements, icons, times, the theme, and the heartbeat.
 *
 * Python puts this before a panel's own script, since a widget's script is one module and
 * imports nothing. Every text is set as text: nothing that a task says is read as HTML.
 */

/**
 * @typedef {{ get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   send(content: object): void, on(event: string, call: Function): void,
 *   off(event: string, call: Function): void, widget_manager?: any }} Model
 */

/** @type {Record<string, string>} */
const STATUSES = { QUEUEING: "Queueing", RUNNING: "Running", FINISHED: "Finished", FAILED: "Failed", CANCELLED: "Cancelled" };

/** Icons: strokes of one width on a 16 × 16 grid, those of the table among them. @type {Record<string, string>} */
const ICONS = {
  QUEUEING: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.5V8l2.25 1.75",
  RUNNING: "M8 1.75a6.25 6.25 0 1 1-6.25 6.25",
  FINISHED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.25 8.25l2 2l3.5-4",
  FAILED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M8 4.75v4M8 11.1v.15",
  CANCELLED: "M8 1.75a6.25 6.25 0 1 1 0 12.5a6.25 6.25 0 0 1 0-12.5M5.25 8h5.5",
  away: "M8 2L14.5 13.5h-13zM8 6.5v3.25M8 11.4v.1",
  retry: "M13 8a5 5 0 1 1-1.6-3.7M13 1.9v3h-3",
  cancel: "M4 4h8v8H4z",
  edit: "M3 13l.75-3L10.5 3.25l2.25 2.25L6 12.25zM9 4.75L11.25 7",
  copy: "M5.75 5.75h7.5v7.5h-7.5zM10.25 5.5V2.75h-7.5v7.5H5.5",
  close: "M4 4l8 8M12 4l-8 8",
  add: "M8 3v10M3 8h10",
  down: "M4 6.5l4 4l4-4",
  open: "M6.5 4l4 4l-4 4",
  submit: "M2.5 8h10M8.5 4l4 4l-4 4",
  pick: "M3 3.5h10M3 8h6M3 12.5h4M11 9.5v5M8.5 12h5",
};

/**
 * Make an element. Strings among the children become text; what is null is left out.
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
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child !== null)));
  return element;
}

/** @param {string} tag @param {Record<string, string | number>} attributes @param {...Node} children */
function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @param {string} name */
function icon(name) {
  return svg("svg", { viewBox: "0 0 16 16", class: `tqp-icon tqp-icon-${name}`, "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));
}

/** @param {Element} element @param {string} text */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {Element} element @param {string} name @param {string | null} value */
function setAttr(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @param {number} count */
const amount = (count) => count.toLocaleString("en");

/** A button with an icon, a label, or both. @param {string} name @param {string} label @param {Record<string, any>} props */
function button(name, label, props) {
  const bare = props.class?.includes("tqp-bare");
  return h("button", { type: "button", ...(bare ? { "aria-label": label, title: label } : {}), ...props, class: `tqp-button ${props.class ?? ""}` },
    name ? icon(name) : null, bare ? null : h("span", {}, label));
}

/** @param {string} status */
function statusChip(status) {
  return h("span", { class: "tqp-status", "data-status": status }, icon(status), STATUSES[status] ?? status);
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

/** @param {number} instant seconds since 1970 */
function localTime(instant) {
  return new Date(instant * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** hh:mm:ss. @param {number} instant seconds since 1970 */
function clockTime(instant) {
  return new Date(instant * 1000).toLocaleTimeString("en-GB");
}

/** Copy a text, also where the page may not use the clipboard itself. @param {HTMLElement} root @param {string} text */
async function copyText(root, text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const held = /** @type {HTMLElement | null} */ (/** @type {Document} */ (root.getRootNode()).activeElement);
    const area = /** @type {HTMLTextAreaElement} */ (h("textarea", { class: "tq-visually-hidden", "aria-hidden": "true" }));
    area.value = text;
    root.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    held?.focus();
  }
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
}

/** Whether the page around an element is dark: its theme says so, else the browser's preference. */
function pageIsDark() {
  const light = document.body.dataset.jpThemeLight;
  if (light) return light === "false";
  if (document.body.classList.contains("theme-dark")) return true;
  if (document.body.classList.contains("theme-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/** One display of a panel: its root, its theme, its listeners, its link to the kernel. */
class Display {
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


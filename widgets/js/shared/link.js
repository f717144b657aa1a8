// @ts-check
/**
 * Whether the kernel behind a display still answers, and what the page does when it does not.
 *
 * A display that somebody looks at asks every few seconds, and the kernel answers each of these
 * questions (`heartbeat.py` tells why that keeps no abandoned kernel alive). When an answer stays out,
 * or a message cannot even be sent, the kernel is lost: a cover says so, and nothing below it
 * looks alive or can be pressed. A later answer takes the cover away.
 *
 * A kernel that runs a cell answers when the cell is done, or some questions meanwhile. What it does, and whether
 * the connection stands, the front end tells; one that tells neither is covered only when sending fails. What began
 * before anybody listened here, the first answer tells.
 */

/**
 * @typedef {{ connect(call: (sender: any, told: any) => void): void }} Signal
 * @typedef {{ status?: string, connectionStatus?: string, iopubMessage?: Signal, statusChanged?: Signal }} Kernel
 * @typedef {{ get(name: string): any, send(content: object): void, on(event: string, call: Function): void,
 *   off(event: string, call: Function): void, widget_manager?: any }} Linked
 */

/** A display asks so often while somebody looks. */
export const BEAT_MS = 5000;
const TICK_MS = 1000;
/**
 * So many seconds an answer may take. With the time between two questions that is 11 s at most. Ticks
 * are counted, not time: a machine that has slept for a night has not waited for a night.
 */
const PATIENCE_TICKS = 6;
/** What a kernel is doing that will not answer any more. */
const ENDED = new Set(["restarting", "autorestarting", "terminating", "dead"]);
/** What its status is while it works. */
const AT_WORK = new Set(["busy", "idle"]);
/**
 * The kernels that are listened to, each with whether it runs a cell, and whether anything has told that; scripts of
 * several widgets share it, as one that is loaded in the middle of a cell has not heard that begin.
 * @type {WeakMap<Kernel, { runs: boolean, told: boolean }>}
 */
const cells = (/** @type {any} */ (globalThis)[Symbol.for("taskq.cells")] ??= new WeakMap());

/**
 * Whether a kernel runs a cell, as its messages tell. Its status does not tell: a kernel with subshells is idle again
 * after each question that it has answered beside the cell, and lets others wait until the cell is done.
 * @param {Kernel | null | undefined} kernel
 */
function cellOf(kernel) {
  if (!kernel?.iopubMessage) return { runs: false, told: true };
  let cell = cells.get(kernel);
  if (!cell) cells.set(kernel, (cell = listenTo(kernel)));
  return cell;
}

/** Follow what a kernel does, for as long as it is there. @param {Kernel} kernel */
function listenTo(kernel) {
  // Until something tells: what shows the first display is a cell, as a rule, and that may go on.
  const cell = { runs: AT_WORK.has(kernel.status ?? ""), told: false };
  kernel.iopubMessage?.connect((_sender, { header, parent_header: parent, content }) => {
    if (header.msg_type === "status" && parent.msg_type === "execute_request") {
      Object.assign(cell, { runs: content.execution_state === "busy", told: true });
    }
  });
  kernel.statusChanged?.connect((_sender, status) => {
    if (!AT_WORK.has(status)) Object.assign(cell, { runs: false, told: true }); // it has ended in the middle of a cell
  });
  return cell;
}

/** Take the first answer's word for whether it came beside a cell. @param {Kernel | null | undefined} kernel @param {any} answer */
function hear(kernel, answer) {
  const cell = cellOf(kernel);
  if (!cell.told && answer?.type === "here") Object.assign(cell, { runs: answer.in_cell === true, told: true });
}

/** The displays without a kernel below one cover; scripts of several widgets share it. */
const LOST = Symbol.for("taskq.lost");

export class KernelLink {
  /**
   * @param {Linked} model @param {HTMLElement} root of the display
   * @param {() => void} changed called when the kernel was lost, or is there again
   */
  constructor(model, root, changed) {
    this.model = model;
    this.root = root;
    this.changed = changed;
    this.lost = false;
    /** What is covered while it is lost: the board that the display is part of, or the display. @type {any} */
    this.place = root;
    /** Seconds since the oldest question without an answer; -1 when there is none. */
    this.waited = -1;
    const answered = (/** @type {any} */ content) => {
      hear(this.kernel, content);
      this.answered();
    };
    const check = () => this.check();
    model.on("msg:custom", answered);
    model.on("comm_live_update", check);
    cellOf(this.kernel); // listen from now on
    const timer = setInterval(() => this.tick(), TICK_MS);
    this.close = () => {
      clearInterval(timer);
      model.off("msg:custom", answered);
      model.off("comm_live_update", check);
      uncover(this);
    };
  }

  /** @returns {Kernel | null | undefined} null where there is none, undefined where the front end does not tell */
  get kernel() {
    return this.model.widget_manager?.kernel;
  }

  /** Send to Python what the user does. What cannot arrive now is dropped: nothing may happen minutes later. @param {object} content */
  send(content) {
    if (!this.lost) this.post(content);
  }

  /** Ask whether the kernel is there. @param {object} content of the message */
  beat(content) {
    if (this.waited < 0) this.waited = 0;
    // Messages wait for a connection; those of a whole night must not arrive in one heap.
    if (this.lost && (this.kernel?.connectionStatus ?? "connected") !== "connected") return;
    this.post(content);
  }

  /** @param {object} content */
  post(content) {
    try {
      this.model.send(content);
    } catch {
      this.lose(); // the front end refuses: the kernel has ended, or this widget was closed
    }
  }

  tick() {
    if (this.waited < 0 || this.lost) return;
    this.check();
    const { kernel } = this;
    const busy = (kernel?.status === "busy" || cellOf(kernel).runs) && kernel?.connectionStatus === "connected";
    this.waited = busy ? 0 : this.waited + 1;
    if (this.waited >= PATIENCE_TICKS && kernel !== undefined) this.lose();
  }

  check() {
    if (ENDED.has(this.kernel?.status ?? "")) this.lose();
  }

  answered() {
    this.waited = -1;
    if (!this.lost) return;
    this.lost = false;
    uncover(this);
    this.changed();
  }

  lose() {
    if (this.lost) return;
    this.lost = true;
    cover(this);
    queueMicrotask(this.changed); // not while the display is still being made
  }
}

/** @param {KernelLink} link */
function cover(link) {
  link.place = link.root.closest(".tq-board") ?? link.root;
  const { place } = link;
  link.root.toggleAttribute("data-lost", true);
  (place[LOST] ??= new Set()).add(link);
  if (place.querySelector(":scope > .tq-cover")) return;
  for (const part of place.children) part.inert = true;
  place.classList.add("tq-covered");
  const shade = coverElement(link);
  place.append(shade);
  keepInSight(shade);
}

/** @param {KernelLink} link */
function uncover(link) {
  const { place } = link;
  link.root.removeAttribute("data-lost");
  place[LOST]?.delete(link);
  if (place[LOST]?.size) return;
  place.querySelector(":scope > .tq-cover")?.remove();
  place.classList.remove("tq-covered");
  for (const part of place.children) part.inert = false;
}

/**
 * Keep the card of a cover where it can be seen, however the page is scrolled. It cannot be `sticky`:
 * JupyterLab's outputs clip what overflows them, and so would count as what scrolls. @param {HTMLElement} shade
 */
function keepInSight(shade) {
  const card = /** @type {HTMLElement} */ (shade.firstElementChild);
  const move = () => {
    if (!shade.isConnected) {
      removeEventListener("scroll", move, { capture: true });
      return;
    }
    let top = 0;
    for (let clip = shade.parentElement; clip && clip !== document.body; clip = clip.parentElement) {
      if (getComputedStyle(clip).overflowY !== "visible") top = Math.max(top, clip.getBoundingClientRect().top);
    }
    const { top: begins, height } = shade.getBoundingClientRect();
    card.style.top = `${Math.max(0, Math.min(top - begins, height - card.offsetHeight - 32))}px`;
  };
  addEventListener("scroll", move, { capture: true, passive: true });
  move();
}

/**
 * Load a page of a dashboard again when somebody comes back to it, as after a night in a tab in the background: it finds
 * what was open by its address, and what was typed is kept. A server that does not answer would leave nothing to look at.
 * @param {HTMLElement} card of the cover
 */
function comeBackWhenLookedAt(card) {
  const look = async () => {
    if (document.visibilityState !== "visible" || !card.isConnected) return;
    try {
      await fetch(location.pathname + location.search, { method: "HEAD", cache: "no-store" });
      if (card.isConnected) location.reload();
    } catch {
      // the server is away: the button is there
    }
  };
  const came = () => {
    if (!card.isConnected) document.removeEventListener("visibilitychange", came);
    else look();
  };
  document.addEventListener("visibilitychange", came);
}

/** @param {KernelLink} link */
function coverElement(link) {
  const element = (/** @type {string} */ tag, /** @type {string} */ name, /** @type {string} */ text) =>
    Object.assign(document.createElement(tag), { className: name, textContent: text });
  const inDashboard = document.body.dataset.voila !== undefined;
  const card = element("div", "tq-cover-card", "");
  card.setAttribute("role", "alert");
  card.append(
    element("p", "tq-cover-title", "This page has lost its kernel"),
    element("p", "", inDashboard
      ? "The connection broke, or nobody looked for so long that the server stopped it. Your tasks go on, and what you typed is kept."
      : "It was restarted, it has ended, or the connection broke. Your tasks go on, and what you typed is kept."),
  );
  if (inDashboard) {
    comeBackWhenLookedAt(card);
    const reload = element("button", "tq-cover-button", "Reload");
    reload.setAttribute("type", "button");
    reload.addEventListener("click", () => location.reload());
    card.append(reload);
  } else card.append(element("p", "tq-cover-advice", "Run the cell again to go on."));
  // A cover stands beside what it covers: a board has no theme of its own, its parts have.
  const shade = element("div", "tq tq-cover", "");
  shade.dataset.theme = link.root.dataset.theme ?? "light";
  shade.toggleAttribute("data-forced", link.root.hasAttribute("data-forced"));
  shade.append(card);
  return shade;
}

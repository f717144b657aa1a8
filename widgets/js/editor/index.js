// @ts-check
/**
 * A Julia editor as a widget: CodeMirror 6 bound to the traits of `JuliaEditor`.
 *
 * Every display of the widget has its own cursor and history; the text is the model's, and a
 * change in one display reaches the others at once and Python after a pause. `submit` goes to
 * Python with the text as it is then, so that nothing typed last is lost.
 */

import { forEachDiagnostic, setDiagnostics } from "@codemirror/lint";
import { Annotation, Compartment, EditorState } from "@codemirror/state";
import { EditorView, placeholder, tooltips } from "@codemirror/view";
import { keepKeys, letSaveThrough } from "../shared/keys.js";
import { followTheme } from "../shared/theme.js";
import { debounce } from "../shared/timing.js";
import { handle } from "./handle.js";
import { reading, writing } from "./setup.js";
import { syntaxError } from "./syntax.js";

/**
 * @typedef {import("../shared/display.js").Model} Model
 * @typedef {import("@codemirror/lint").Diagnostic} Diagnostic
 * @typedef {{ line: number, column?: number | null, message: string, severity?: "error" | "warning" | "info" | "hint" }} Remark
 */

const SAVE_MS = 150;
const CHECK_MS = 500;
const HINT = "Tab indents. To leave the editor, press Escape, then Tab.";
/** Marks a change that came from the model, not from this display's user. */
const fromModel = Annotation.define();

let displays = 0;

/**
 * The one change that makes `before` into `after`, so that cursors elsewhere stay.
 * @param {string} before @param {string} after
 */
export function difference(before, after) {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shorter - start && before[before.length - 1 - end] === after[after.length - 1 - end]) end += 1;
  return { from: start, to: before.length - end, insert: after.slice(start, after.length - end) };
}

/** One display of the widget. */
class Editor {
  /** @param {Model} model @param {HTMLElement} place */
  constructor(model, place) {
    this.model = model;
    /** @type {(() => void)[]} */
    this.ends = [];
    this.mode = new Compartment();
    this.id = `tq-editor-${(displays += 1)}`;
    /** Whether there is text here that has not been sent to Python. */
    this.unsaved = false;
    this.saveSoon = debounce(() => this.save(), SAVE_MS);
    this.checkSoon = debounce(() => this.check(), CHECK_MS);
    this.root = document.createElement("div");
    this.root.className = "tq tq-editor";
    this.root.addEventListener("focusin", keepKeys);
    // Pop-ups hang in the body: a notebook's output area would cut them off.
    this.overlay = document.createElement("div");
    this.overlay.className = "tq tq-editor tq-editor-overlay";
    document.body.append(this.overlay);
    this.view = new EditorView({ parent: this.root, state: this.newState() });
    this.handle = handle(this.root, this.view.scrollDOM, () => this.view.requestMeasure());
    this.root.append(this.handle);
    this.ends.push(letSaveThrough(), followTheme(model, this.root, this.overlay));
    this.message = this.line("tq-editor-message", "status", `${this.id}-message`);
    this.hint = this.line("tq-visually-hidden", "", `${this.id}-hint`);
    this.hint.textContent = HINT;
    place.append(this.root);
    this.listen();
    this.showTraits();
    this.check();
    this.showRemarks();
  }

  /** @param {string} name @param {string} role @param {string} id */
  line(name, role, id) {
    const element = document.createElement("div");
    element.className = name;
    element.id = id;
    if (role) element.setAttribute("role", role);
    this.root.append(element);
    return element;
  }

  newState() {
    return EditorState.create({
      doc: this.model.get("value"),
      extensions: [reading, tooltips({ parent: this.overlay }), this.mode.of(this.modeExtensions()), EditorView.updateListener.of((update) => this.onUpdate(update))],
    });
  }

  /** What depends on traits. */
  modeExtensions() {
    const { model } = this;
    const readOnly = model.get("read_only");
    const attributes = {
      "aria-label": model.get("label"),
      "aria-describedby": readOnly ? `${this.id}-message` : `${this.id}-hint ${this.id}-message`,
      spellcheck: "false",
      // Without it checkers, and some assistive technology, take the scrolling editor for out of a keyboard's reach.
      tabindex: "0",
    };
    if (readOnly) {
      const shown = { ...attributes, "aria-readonly": "true" };
      return [EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of(shown)];
    }
    return [writing(() => this.submit(), () => model.get("names") ?? []), EditorView.contentAttributes.of(attributes), placeholder(model.get("placeholder"))];
  }

  listen() {
    const on = (/** @type {string} */ event, /** @type {Function} */ call) => {
      this.model.on(event, call);
      this.ends.push(() => this.model.off(event, call));
    };
    on("change:value", () => this.onValue());
    on("change:diagnostics", () => this.showRemarks());
    for (const trait of ["read_only", "placeholder", "label", "min_height", "max_height"]) on(`change:${trait}`, () => this.onMode());
    on("msg:custom", (/** @type {any} */ message) => message.type === "focus" && this.view.focus());
  }

  close() {
    this.checkSoon.stop();
    this.ends.forEach((end) => end());
    this.save();
    this.view.destroy();
    this.overlay.remove();
    this.root.remove();
  }

  // -- text

  /** @param {import("@codemirror/view").ViewUpdate} update */
  onUpdate(update) {
    if (!update.docChanged) return;
    this.checkSoon();
    if (update.transactions.some((transaction) => transaction.annotation(fromModel))) return;
    this.model.set("value", update.state.doc.toString());
    this.unsaved = true;
    this.saveSoon();
  }

  save() {
    this.saveSoon.stop();
    this.unsaved = false;
    this.model.save_changes();
  }

  onValue() {
    const before = this.view.state.doc.toString();
    const after = this.model.get("value");
    if (before === after) return;
    // Python sends back what it was sent; that is behind what has been typed since.
    if (this.unsaved) this.model.set("value", before);
    else this.view.dispatch({ changes: difference(before, after), annotations: fromModel.of(true) });
  }

  submit() {
    this.check();
    this.save();
    try {
      this.model.send({ type: "submit", value: this.view.state.doc.toString(), syntax_error: this.model.get("syntax_error") });
    } catch { // the front end refuses to send what nobody would receive
      this.message.dataset.severity = "error";
      this.message.textContent = "Not submitted: there is no kernel. Run the cell again.";
    }
  }

  // -- remarks

  /** Find the first syntax error, mark it, and tell Python. */
  check() {
    if (this.model.get("read_only")) return;
    const error = syntaxError(this.view.state);
    this.found = error;
    const trait = error && { line: error.line, column: error.column, message: error.message };
    if (JSON.stringify(trait) !== JSON.stringify(this.model.get("syntax_error"))) {
      this.model.set("syntax_error", trait);
      this.model.save_changes();
    }
    this.mark(this.standing());
  }

  /** Python's remarks as they stand, moved along with the text. */
  standing() {
    /** @type {Diagnostic[]} */
    const kept = [];
    forEachDiagnostic(this.view.state, (diagnostic, from, to) => {
      if (diagnostic.source === "python") kept.push({ ...diagnostic, from, to });
    });
    return kept;
  }

  /** Show Python's remarks anew. */
  showRemarks() {
    const { doc } = this.view.state;
    this.mark(this.model.get("diagnostics").map((/** @type {Remark} */ remark) => {
      const line = doc.line(Math.max(1, Math.min(remark.line, doc.lines)));
      const start = remark.column ? remark.column - 1 : line.text.search(/\S|$/u);
      const from = Math.min(line.to, line.from + Math.max(0, start));
      return { from, to: line.to, severity: remark.severity ?? "error", message: remark.message, source: "python" };
    }));
  }

  /** @param {Diagnostic[]} remarks */
  mark(remarks) {
    const { found } = this;
    const length = this.view.state.doc.length;
    /** @type {Diagnostic[]} */
    const own = found ? [{ from: Math.min(found.from, length), to: Math.min(found.to, length), severity: "error", message: found.message }] : [];
    const all = [...own, ...remarks];
    this.view.dispatch(setDiagnostics(this.view.state, all));
    this.say(all);
  }

  /** Say the first remark below the text. @param {Diagnostic[]} remarks */
  say(remarks) {
    const first = remarks[0];
    this.message.dataset.severity = first?.severity ?? "";
    const text = first ? `Line ${this.view.state.doc.lineAt(first.from).number}: ${first.message}` : "";
    if (this.message.textContent !== text) this.message.textContent = text;
  }

  // -- traits

  onMode() {
    this.view.dispatch({ effects: this.mode.reconfigure(this.modeExtensions()) });
    this.showTraits();
  }

  showTraits() {
    this.root.toggleAttribute("data-read-only", this.model.get("read_only"));
    this.root.style.setProperty("--tq-editor-min", this.model.get("min_height"));
    this.root.style.setProperty("--tq-editor-max", this.model.get("max_height"));
  }
}

/** @param {{ model: Model, el: HTMLElement }} context */
function render({ model, el }) {
  const editor = new Editor(model, el);
  return () => editor.close();
}

export default { render };

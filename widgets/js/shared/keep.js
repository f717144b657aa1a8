// @ts-check
/**
 * What a page keeps in the browser for a notebook, so that a reload or another kernel finds it again.
 *
 * A kernel can end at any moment; what was typed and the task that was open then come back
 * from here. A browser that keeps nothing, or refuses to, is no error.
 */

/** Longer drafts are not kept: browsers give a site some megabytes for everything. */
const KEPT_CHARACTERS = 300_000;

export class Keep {
  /**
   * @param {Storage | null} store @param {string} kind
   * @param {{ widget_manager?: any }} model of a widget of the notebook
   */
  constructor(store, kind, model) {
    this.store = store;
    // JupyterLab tells which notebook a widget is in; elsewhere a page is one notebook.
    this.key = `taskq.${kind}:${model.widget_manager?.context?.path ?? location.pathname}`;
  }

  /** @returns {any} what was kept, null where there is nothing */
  read() {
    try {
      return JSON.parse(this.store?.getItem(this.key) ?? "null");
    } catch {
      return null;
    }
  }

  /** @param {any} value to be kept; null for nothing */
  write(value) {
    try {
      const text = JSON.stringify(value);
      if (value === null || text.length > KEPT_CHARACTERS) this.store?.removeItem(this.key);
      else this.store?.setItem(this.key, text);
    } catch {
      // full, or switched off
    }
  }
}

/** A storage of the browser, null where the page may not use it. @param {"localStorage" | "sessionStorage"} name */
export function browserStorage(name) {
  try {
    return window[name];
  } catch {
    return null;
  }
}

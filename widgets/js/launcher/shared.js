// @ts-check
/** What JupyterLab shares with its extensions, as module federation has it: by name and version, loaded when it is asked for. */

/** @typedef {Record<string, Record<string, { get(): Promise<() => any>, loaded?: unknown }>>} Scope */

/** @type {Scope} */
let scope = {};

/** @param {Scope} shared */
export function keepShared(shared) {
  scope = shared;
}

/** A module of JupyterLab's: of several versions the one that is loaded already. @param {string} name */
export async function shared(name) {
  const versions = Object.values(scope[name] ?? {});
  const one = versions.find(({ loaded }) => loaded) ?? versions[0];
  if (!one) throw new Error(`JupyterLab shares no ${name}`);
  return (await one.get())();
}

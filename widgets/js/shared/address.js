// @ts-check
/**
 * What is open on a dashboard, in its address behind the `#`: so a link, a bookmark, a reload and the back button find it.
 *
 * Only a page that is a dashboard has its address to itself; in JupyterLab it is the notebook's.
 */

/** Whether the page's address is a dashboard's. */
export const ownsAddress = () => document.body.dataset.voila !== undefined;

/** What the address says of a thing, such as `task`; empty where it says nothing. @param {string} name */
export function inAddress(name) {
  return new URLSearchParams(location.hash.slice(1)).get(name) ?? "";
}

/**
 * Have the address say what is open, as a step that the back button takes back.
 * @param {Record<string, string>} things by name; an empty one is left out
 */
export function setAddress(things) {
  const said = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(things)) {
    if (value) said.set(name, value);
    else said.delete(name);
  }
  const behind = said.toString();
  if (behind === location.hash.slice(1)) return;
  history.pushState(null, "", behind ? `#${behind}` : location.pathname + location.search);
}

/** Call when the address has changed by the back button or by hand; return what ends that. @param {() => void} call */
export function onAddress(call) {
  addEventListener("popstate", call);
  return () => removeEventListener("popstate", call);
}

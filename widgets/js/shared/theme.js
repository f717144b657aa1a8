// @ts-check
/** Light or dark, as the page around a widget is. */

/** Whether the page around an element is dark: its theme says so, else the browser's preference. */
export function pageIsDark() {
  const light = document.body.dataset.jpThemeLight;
  if (light) return light === "false";
  if (document.body.classList.contains("theme-dark")) return true;
  if (document.body.classList.contains("theme-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

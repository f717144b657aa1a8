// @ts-check
/** Light or dark, as the page around a widget is. */

/** Whether the page is dark: its theme says so, else the browser's preference. */
function pageIsDark() {
  const light = document.body.dataset.jpThemeLight;
  if (light) return light === "false";
  if (document.body.classList.contains("theme-dark")) return true;
  if (document.body.classList.contains("theme-light")) return false;
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

/**
 * Keep `data-theme` of elements true to the page and to the model's `theme`; return what ends that.
 * @param {import("./display.js").Model} model @param {...HTMLElement} elements
 */
export function followTheme(model, ...elements) {
  const apply = () => {
    const asked = model.get("theme");
    const page = pageIsDark() ? "dark" : "light";
    for (const element of elements) {
      element.dataset.theme = asked === "auto" ? page : asked;
      element.toggleAttribute("data-forced", asked !== "auto" && asked !== page);
    }
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

// @ts-check
/** The board in JupyterLab: as a panel of its own from the launcher, or on a page of its own from the File menu. */

import svgstr from "./icon.svg";
import { shared } from "./shared.js";

/** What the dashboard's page may do in its frame. */
const MAY = ["allow-same-origin", "allow-scripts", "allow-popups", "allow-forms", "allow-downloads", "allow-modals"];

/** Where jupyter-server-proxy serves the dashboard, below the prefix of the Jupyter server, such as /user/ann/. */
function address() {
  const config = /** @type {HTMLElement} */ (document.getElementById("jupyter-config-data"));
  return `${JSON.parse(config.textContent ?? "").baseUrl}taskq-dashboard/`;
}

/** The plugin, which asks for the very tokens that JupyterLab has. */
export async function boardPlugin() {
  const [{ ILauncher }, { ILayoutRestorer }] = await Promise.all([shared("@jupyterlab/launcher"), shared("@jupyterlab/application")]);
  return {
    id: "taskq-launcher:plugin",
    description: "Opens the taskq board.",
    autoStart: true,
    optional: [ILauncher, ILayoutRestorer],
    activate,
  };
}

/** @param {any} app @param {any} launcher @param {any} restorer */
async function activate(app, launcher, restorer) {
  const [{ IFrame, MainAreaWidget, WidgetTracker }, { LabIcon }] = await Promise.all([shared("@jupyterlab/apputils"), shared("@jupyterlab/ui-components")]);
  const icon = new LabIcon({ name: "taskq:board", svgstr });
  const tracker = new WidgetTracker({ namespace: "taskq-board" });
  app.commands.addCommand("taskq:board", {
    label: "taskq board",
    caption: "Submit Julia tasks and watch them, in a panel of its own",
    icon,
    execute: () => {
      const panel = tracker.currentWidget ?? boardPanel(IFrame, MainAreaWidget, icon);
      if (!tracker.has(panel)) tracker.add(panel);
      if (!panel.isAttached) app.shell.add(panel, "main");
      app.shell.activateById(panel.id);
    },
  });
  app.commands.addCommand("taskq:dashboard", {
    label: "taskq dashboard",
    caption: "Submit Julia tasks and watch them, on a page of its own",
    execute: () => { window.open(address(), "_blank"); },
  });
  launcher?.add({ command: "taskq:board", category: "Other", rank: 0 });
  restorer?.restore(tracker, { command: "taskq:board", name: () => "board" });
}

/** @param {any} IFrame @param {any} MainAreaWidget @param {any} icon */
function boardPanel(IFrame, MainAreaWidget, icon) {
  const content = new IFrame({ sandbox: MAY });
  content.url = address();
  const panel = new MainAreaWidget({ content });
  panel.id = "taskq-board";
  Object.assign(panel.title, { label: "taskq", caption: "The taskq board", icon, closable: true });
  return panel;
}

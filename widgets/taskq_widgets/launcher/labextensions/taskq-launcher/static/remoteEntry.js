// The taskq dashboard as a command of JupyterLab; schemas/ puts it under File > New.
//
// Written by hand, not bundled: JupyterLab loads this file and asks the container below for
// its one module. It uses nothing that JupyterLab shares, so there is nothing to build.
(() => {
  /** The prefix of the Jupyter server, such as /user/ann/. */
  const baseUrl = () => JSON.parse(document.getElementById("jupyter-config-data").textContent).baseUrl;

  const plugin = {
    id: "taskq-launcher:plugin",
    description: "Opens the taskq dashboard.",
    autoStart: true,
    activate: (app) => {
      app.commands.addCommand("taskq:dashboard", {
        label: "taskq dashboard",
        caption: "Submit Julia tasks and watch them, on a page of its own",
        execute: () => { window.open(`${baseUrl()}taskq-dashboard/`, "_blank"); },
      });
    },
  };

  const modules = { "./extension": { __esModule: true, default: plugin } };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["taskq-launcher"] = {
    init: () => {},
    get: async (name) => () => modules[name],
  };
})();

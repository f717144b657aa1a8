// The taskq dashboard as a command of JupyterLab, which schemas/ puts under File > New; and the
// picture of a board in the place of a board that has no kernel.
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

  // A saved board has a picture of itself behind it. Where the board cannot be shown, JupyterLab's widgets say
  // "model not found", or for ever that they load. Theirs is the one kind of output that has no type in its element.
  const pictures = {
    id: "taskq-launcher:pictures",
    description: "Shows the saved picture of a taskq board where the board has no kernel.",
    autoStart: true,
    activate: () => {
      const style = document.createElement("style");
      style.textContent = `.jp-OutputArea-child:has(> .jp-OutputArea-output:not([data-mime-type])):not(:has(.tq))`
        + `:has(~ .jp-OutputArea-child .taskq-snapshot) { display: none; }`;
      document.head.append(style);
    },
  };

  const modules = { "./extension": { __esModule: true, default: [plugin, pictures] } };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["taskq-launcher"] = {
    init: () => {},
    get: async (name) => () => modules[name],
  };
})();

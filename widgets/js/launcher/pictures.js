// @ts-check
/**
 * The picture of a board in the place of a board that has no kernel.
 *
 * A saved board has a picture of itself behind it. Where the board cannot be shown, JupyterLab's widgets say
 * "model not found", or for ever that they load. Theirs is the one kind of output that has no type in its element.
 */

export const picturesPlugin = {
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

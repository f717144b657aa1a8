// @ts-check
/**
 * taskq in JupyterLab: the board as a tile of the launcher, and the picture of a board in the place of one without a kernel.
 *
 * JupyterLab loads the script that is built from this, hands it what it shares, such as its widgets, and
 * asks it for its plugins. What is shared is used, and nothing of JupyterLab is bundled.
 */

import { boardPlugin } from "./board.js";
import { picturesPlugin } from "./pictures.js";
import { keepShared } from "./shared.js";

const modules = { "./extension": async () => ({ __esModule: true, default: [await boardPlugin(), picturesPlugin] }) };
const lab = /** @type {any} */ (window);

lab._JUPYTERLAB = lab._JUPYTERLAB || {};
lab._JUPYTERLAB["taskq-launcher"] = {
  init: keepShared,
  get: async (/** @type {keyof typeof modules} */ name) => {
    const module = await modules[name]();
    return () => module;
  },
};

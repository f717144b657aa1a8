/**
 * Build the bundles: one ES module a widget with all it needs, checked in beside the Python, and JupyterLab's extension.
 *
 *     npm ci && npm run build
 *
 * `node build.mjs FOLDER` writes them elsewhere; the test of the bundles compares the two.
 * `bundled.sha256` has the hashes of the sources that they were built from, for machines without
 * node. The licences of what is bundled stand at the end of each.
 */

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGE = join(HERE, "..", "taskq_widgets");
const WIDGETS = ["detail", "editor", "form", "overview", "recipe", "shelf", "table"];
const EXTENSION = join(PACKAGE, "launcher", "labextensions", "taskq-launcher", "static", "remoteEntry.js");
const JULIA = "The table of Unicode names is that of Julia's REPL, MIT licence, https://julialang.org/license";

/** @param {string} folder of sources */
function sourcesIn(folder) {
  return readdirSync(join(HERE, folder)).filter((name) => /\.(js|json|svg)$/.test(name)).map((name) => `${folder}/${name}`);
}

/** A line for each source, as `sha256sum` writes them. */
function hashes() {
  const sources = [...["shared", "launcher", ...WIDGETS].flatMap(sourcesIn), "build.mjs", "package.json", "package-lock.json"];
  const hash = (/** @type {string} */ name) => createHash("sha256").update(readFileSync(join(HERE, name))).digest("hex");
  return sources.sort().map((name) => `${hash(name)}  ${name}\n`).join("");
}

/** @param {Record<string, unknown>} inputs as esbuild lists them */
function bundledPackages(inputs) {
  const names = Object.keys(inputs).map((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1]);
  return [...new Set(names.filter(Boolean))].sort();
}

/** @param {string} name of a package */
function licence(name) {
  const folder = join(HERE, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? readFileSync(join(folder, file), "utf8").trim().replaceAll("*/", "* /") : "";
  return `${name} ${version}, licence ${license}\n\n${text}`;
}

/** @param {string} folder @param {"esm" | "iife"} format */
async function bundle(folder, format) {
  const result = await build({
    absWorkingDir: HERE,
    entryPoints: [`${folder}/index.js`],
    loader: { ".svg": "text" },
    bundle: true,
    format,
    target: "es2022",
    minify: true,
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    write: false,
  });
  const { inputs } = result.metafile;
  const notices = [...("editor/unicode.json" in inputs ? [JULIA] : []), ...bundledPackages(inputs).map(licence)];
  const end = notices.length ? `/*\n${notices.join(`\n\n${"-".repeat(60)}\n\n`)}\n*/\n` : "";
  return `// Built by "npm run build" in widgets/js; do not edit.\n${result.outputFiles[0].text.trimEnd()}\n${end}`;
}

const elsewhere = process.argv[2];
for (const widget of WIDGETS) writeFileSync(join(elsewhere ?? join(PACKAGE, "bundles"), `${widget}.js`), await bundle(widget, "esm"));
writeFileSync(elsewhere ? join(elsewhere, "launcher.js") : EXTENSION, await bundle("launcher", "iife"));
if (!elsewhere) writeFileSync(join(HERE, "bundled.sha256"), hashes());

/**
 * Build the editor's bundle: one ES module with all it needs, checked in beside the widget.
 *
 *     npm ci && npm run build
 *
 * `node build.mjs PATH` writes it elsewhere; the test of the bundle compares the two. The
 * first line holds a hash of the sources, for machines without node. The licences of what
 * is bundled stand at the end.
 */

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = dirname(fileURLToPath(import.meta.url));
const TARGET = join(HERE, "..", "taskq_widgets", "editor", "editor.bundle.js");

/** Hash of every file that the bundle is made from, by name and content. */
function sourceHash() {
  const own = readdirSync(join(HERE, "editor")).filter((name) => /\.(js|json)$/.test(name)).map((name) => `editor/${name}`);
  const shared = ["../taskq_widgets/panels/saving.js"];
  const hash = createHash("sha256");
  for (const name of [...own, ...shared, "build.mjs", "package.json", "package-lock.json"].sort()) {
    hash.update(`${name}\0`).update(readFileSync(join(HERE, name))).update("\0");
  }
  return hash.digest("hex");
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

const result = await build({
  absWorkingDir: HERE,
  entryPoints: ["editor/index.js"],
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  write: false,
});
const licences = bundledPackages(result.metafile.inputs).map(licence).join(`\n\n${"-".repeat(60)}\n\n`);
const table = "The table of Unicode names is that of Julia's REPL, MIT licence, https://julialang.org/license";
const text = [
  `// Built by "npm run build" in widgets/js; do not edit. Sources: sha256 ${sourceHash()}`,
  result.outputFiles[0].text.trimEnd(),
  `/*\n${table}\n\n${"-".repeat(60)}\n\n${licences}\n*/\n`,
].join("\n");
writeFileSync(process.argv[2] ?? TARGET, text);

// Bundles what runs in the page: node build.mjs FOLDER writes kernel.js and page.js there.
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = process.argv[2] ?? "dist";
const widgets = new URL("../course_lib/widgets/", import.meta.url);
// What JupyterLab's widgets share is plain text put before their own: here it is a module.
const shared = {
  name: "widgets",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^course:widgets$/ }, () => ({ path: "widgets", namespace: "course" }));
    onLoad({ filter: /.*/, namespace: "course" }, async () => {
      const parts = ["live.js", "chart.js"].map((name) => readFile(fileURLToPath(new URL(name, widgets)), "utf8"));
      return { contents: `${(await Promise.all(parts)).join("\n")}\nexport { STYLE, draw, lineChart, make, swatch };` };
    });
  },
};
const common = {
  plugins: [shared],
  bundle: true,
  format: "iife",
  minify: true,
  target: "es2022",
  charset: "ascii",
  legalComments: "none",
  loader: { ".wasm": "dataurl" },
  // tfjs-core reaches for Node's modules only where there is no browser.
  external: ["fs", "path", "worker_threads", "perf_hooks", "util", "crypto", "os", "string_decoder", "node-fetch"],
};
await build({ ...common, entryPoints: ["src/kernel.js"], outfile: `${folder}/kernel.js` });
await build({ ...common, entryPoints: ["src/page.js"], outfile: `${folder}/page.js` });

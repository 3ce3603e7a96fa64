// Builds the page into a folder (dist is what the daemon embeds), or the tests into build/.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

const [what = "dist"] = process.argv.slice(2);

/** What is not the project's own and is part of the programs that serve the page or draw figures, with its licence. */
const PARTS = [
  ["uPlot, which is part of page.js and page.css", "node_modules/uplot/LICENSE"],
  ["Inter, the typeface of the figures of reports", "../report/fonts/LICENCE-Inter.txt"],
];
const licences = PARTS.map(([what, path]) => ({ what, text: readFileSync(path, "utf8").trim() }));

async function page(folder) {
  mkdirSync(folder, { recursive: true });
  await build({
    entryPoints: { page: "src/main.ts" },
    outdir: folder,
    bundle: true,
    minify: true,
    format: "iife",
    target: ["es2022"],
    legalComments: "none",
    charset: "utf8",
    define: { LICENCES: JSON.stringify(licences) },
    logLevel: "warning",
  });
  const styles = ["node_modules/uplot/dist/uPlot.min.css", "src/page.css"].map((path) => readFileSync(path, "utf8"));
  const css = await build({ stdin: { contents: styles.join("\n"), loader: "css" }, minify: true, write: false });
  writeFileSync(`${folder}/page.css`, css.outputFiles[0].text);
  copyFileSync("src/page.html", `${folder}/page.html`);
  writeFileSync(`${folder}/LICENCES.txt`, `${licences.map(({ what, text }) => `${what}:\n\n${text}\n`).join("\n\n")}`);
}

async function tests(folder) {
  const entries = readdirSync(folder).filter((name) => name.endsWith(".test.ts") || ["screenshots.ts", "cost.ts"].includes(name));
  await build({
    entryPoints: entries.map((name) => `${folder}/${name}`),
    outdir: `build/${folder}`,
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    outExtension: { ".js": ".mjs" },
    logLevel: "warning",
  });
}

if (what === "--tests") await tests("tests");
else if (what === "--browser") await tests("browser");
else await page(what);

// Bundles the extension and what it adds to the dashboard's page, which is taken as it is built.
import { cpSync, existsSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const PAGE = fileURLToPath(new URL("../../src/agentos/hub/web/dist", import.meta.url));
const common = { absWorkingDir: HERE, bundle: true, target: "es2022", logLevel: "warning", legalComments: "none" };
const forNode = { ...common, platform: "node", target: "node20" };

if (process.argv.includes("--test")) {
  await build({
    ...forNode,
    entryPoints: ["test/*.test.ts"],
    outdir: "out",
    outExtension: { ".js": ".mjs" },
    format: "esm",
    sourcemap: "inline",
    alias: { vscode: "./test/vscode.ts" },
  });
} else {
  if (!existsSync(`${PAGE}/index.html`)) throw new Error(`the dashboard is not built (${PAGE}): run \`make web\``);
  rmSync(`${HERE}/dist`, { recursive: true, force: true });
  await build({
    ...forNode,
    entryPoints: ["src/extension.ts"],
    outfile: "dist/extension.js",
    format: "cjs",
    external: ["vscode"],
    minify: true,
  });
  await build({ ...common, entryPoints: ["page/host.ts", "page/editor.css"], outdir: "dist/page", format: "iife", minify: true });
  cpSync(PAGE, `${HERE}/dist/dashboard`, { recursive: true });
}

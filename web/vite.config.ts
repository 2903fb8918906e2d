import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const ROOT = fileURLToPath(new URL(".", import.meta.url));
/** What the build is made from. */
const SOURCES = ["index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json", "vite.config.ts"];

function files(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path).flatMap((name) => files(join(path, name)));
}

/** The digest by which tests/web/test_build.py tells that a build is of these sources. */
function sourcesDigest(): string {
  const digest = createHash("sha256");
  const all = SOURCES.flatMap((name) => files(join(ROOT, name))).map((path) => relative(ROOT, path));
  for (const path of all.sort()) {
    const content = createHash("sha256").update(readFileSync(join(ROOT, path))).digest("hex");
    digest.update(`${content}  ${path}\n`);
  }
  return digest.digest("hex");
}

function recordSources(): Plugin {
  return {
    name: "record-sources",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${sourcesDigest()}\n` });
    },
  };
}

export default defineConfig({
  // So that an editor can show the build from wherever it keeps it.
  base: "./",
  plugins: [react(), recordSources()],
  build: {
    outDir: "../src/agentos/hub/web/dist",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
  },
});

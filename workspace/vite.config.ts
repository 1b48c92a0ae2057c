import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const dist = path.join(import.meta.dirname, "dist");

// The folder holds a .gitignore, which keeps it there for go:embed in a fresh
// clone, so it is not Vite that empties it.
function emptyDist(): Plugin {
  return {
    name: "empty-dist",
    apply: "build",
    async buildStart() {
      for (const name of await readdir(dist)) {
        if (name !== ".gitignore") await rm(path.join(dist, name), { recursive: true });
      }
    },
  };
}

// Compressing once here is better and cheaper than for each request.
function compressAssets(): Plugin {
  return {
    name: "compress-assets",
    apply: "build",
    async closeBundle() {
      const assets = path.join(dist, "assets");
      for (const name of await readdir(assets)) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const file = path.join(assets, name);
        const content = await readFile(file);
        await writeFile(`${file}.gz`, gzipSync(content, { level: 9 }));
        await writeFile(
          `${file}.br`,
          brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
        );
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), emptyDist(), compressAssets()],
  build: {
    outDir: dist,
    // The workspace, and the player for frames in other pages.
    rolldownOptions: { input: ["index.html", "embed.html"].map((name) => path.join(import.meta.dirname, name)) },
    emptyOutDir: false,
    manifest: true,
    // A style that could not be fetched, the server being away, would not be asked for again with its screen.
    cssCodeSplit: false,
    // Fonts and pictures inlined as data: URLs would widen the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  worker: { format: "es" },
  server: {
    // `npm run dev` serves the page; the API is that of a daemon or demo on its usual port.
    proxy: { "/api": "http://127.0.0.1:8080" },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    setupFiles: ["src/test-setup.ts"],
    restoreMocks: true,
  },
});

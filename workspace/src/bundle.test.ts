import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const dist = path.join(import.meta.dirname, "../dist");

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  css?: string[];
}

/** The files that a browser loads for a module, with what they import. */
function filesOf(manifest: Record<string, Chunk>, name: string, files = new Set<string>()): Set<string> {
  const chunk = manifest[name];
  if (!chunk || files.has(chunk.file)) return files;
  for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
  for (const imported of chunk.imports ?? []) filesOf(manifest, imported, files);
  return files;
}

// `npm run build` comes first; `make test` sees to it.
test("the first screen is at most 350 kB, compressed", () => {
  const manifest: Record<string, Chunk> = JSON.parse(readFileSync(path.join(dist, ".vite/manifest.json"), "utf8"));
  const size = (file: string) => gzipSync(readFileSync(path.join(dist, file))).length;
  // The styles of all screens are one file, which index.html names.
  const styles = manifest["style.css"]?.file ?? "";
  for (const screen of ["login/index.tsx", "contacts/index.tsx"]) {
    const files = new Set([styles, ...filesOf(manifest, "index.html"), ...filesOf(manifest, `src/screens/${screen}`)]);
    expect(files.size, screen).toBeGreaterThan(2);
    const total = [...files].reduce((sum, file) => sum + size(file), 0);
    expect(total, screen).toBeLessThan(350_000);
    expect(total, screen).toBeGreaterThan(50_000); // or nothing was measured
  }
});

// What a screen needs is loaded when it is first opened.
test("screens are apart from the first files", () => {
  const manifest: Record<string, Chunk> = JSON.parse(readFileSync(path.join(dist, ".vite/manifest.json"), "utf8"));
  const first = filesOf(manifest, "index.html");
  for (const name of ["contacts", "callbacks", "history", "monitor", "admin"]) {
    const chunk = manifest[`src/screens/${name}/index.tsx`];
    expect(chunk, name).toBeDefined();
    expect(first.has(chunk?.file ?? ""), name).toBe(false);
  }
});

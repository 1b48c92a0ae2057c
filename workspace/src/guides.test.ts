import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const docs = path.join(import.meta.dirname, "../../docs");
const texts = import.meta.glob<{ default: object }>("/src/**/ja.json", { eager: true });
const sources = import.meta.glob<string>("/src/**/*.{ts,tsx}", { eager: true, query: "?raw", import: "default" });

function valuesOf(value: unknown): string[] {
  return typeof value === "string" ? [value] : Object.values(value as object).flatMap(valuesOf);
}

const shown = new Set(Object.values(texts).flatMap((file) => valuesOf(file.default)));

// A guide that names a button otherwise than the screen does is worse than none.
test.each(["agent.ja.md", "supervisor.ja.md"])("%s says what the screens say", (name) => {
  const guide = readFileSync(path.join(docs, name), "utf8");
  const quoted = [...guide.matchAll(/「([^」]+)」/g)].map((m) => m[1] ?? "");
  expect(quoted.length).toBeGreaterThan(30);
  // What is being talked about, and no word of a screen.
  const terms = ["折り返し呼"];
  expect([...new Set(quoted)].filter((word) => !shown.has(word) && !terms.includes(word))).toEqual([]);
});

test("agent.ja.md lists every key, with its words", () => {
  const guide = readFileSync(path.join(docs, "agent.ja.md"), "utf8");
  const rows = [...guide.matchAll(/^\| [^|]+ \| `([^`]+)` \| ([^|]+) \|$/gm)].map((m) => ({ key: m[1], does: m[2] }));
  const code = Object.values(sources).join("\n");
  const keys = [...code.matchAll(/\{ key: "([^"]+)", label:/g)].map((m) => m[1]);
  expect(new Set(rows.map((row) => row.key))).toEqual(new Set([...keys, "?"]));
  expect(rows.filter((row) => !shown.has(row.does ?? ""))).toEqual([]);
});

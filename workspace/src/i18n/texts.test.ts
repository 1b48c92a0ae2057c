import { expect, test } from "vitest";

const files = import.meta.glob<{ default: object }>("/src/**/{ja,en}.json", { eager: true });

function keysOf(texts: object, prefix = ""): string[] {
  return Object.entries(texts).flatMap(([key, value]) =>
    typeof value === "object" ? keysOf(value, `${prefix}${key}.`) : [prefix + key],
  );
}

// English tells one from many, Japanese does not.
const withoutPlural = (keys: string[]) => [...new Set(keys.map((k) => k.replace(/_(one|other)$/, "")))].sort();

test("every text is there in both languages", () => {
  const folders = Object.keys(files).filter((f) => f.endsWith("/ja.json"));
  expect(folders.length).toBeGreaterThan(6);
  for (const ja of folders) {
    const en = ja.replace("/ja.json", "/en.json");
    expect(withoutPlural(keysOf(files[en]?.default ?? {})), en).toEqual(
      withoutPlural(keysOf(files[ja]?.default ?? {})),
    );
  }
});

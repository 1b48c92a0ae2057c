import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import en from "./en.json";
import ja from "./ja.json";

// The contract lists the rules as examples, since there may be more; those that it lists have words.
test("every rule of a receipt has a text", () => {
  const contract = readFileSync(path.join(import.meta.dirname, "../../../../api/openapi.yaml"), "utf8");
  const listed = /description: The rule of classification[^[]*\[([^\]]*)\]/.exec(contract)?.[1] ?? "";
  const rules = listed.split(",").map((rule) => rule.trim());
  expect(rules.length).toBeGreaterThan(10);
  for (const texts of [ja, en]) expect(Object.keys(texts.rule).toSorted()).toEqual(rules.toSorted());
});

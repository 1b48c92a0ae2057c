import { expect, test } from "vitest";
import { choice, choices, flag, text, valuesOf, whole, withChange, words } from "./url-state";

const parameters = {
  q: text(),
  status: choices(["open", "completed"]),
  sort: choice(["id", "registered_at"], "id"),
  page: whole(1, 1),
  mine: flag(),
  open: words(),
};

test("what is not in the URL, or not understood, is the default", () => {
  const defaults = { q: "", status: [], sort: "id", page: 1, mine: false, open: [] };
  expect(valuesOf(parameters, new URLSearchParams())).toEqual(defaults);
  expect(valuesOf(parameters, new URLSearchParams("status=none&sort=memo&page=0&mine=yes&open=,"))).toEqual(defaults);
  expect(valuesOf(parameters, new URLSearchParams("page=1e9"))).toEqual(defaults);
});

test("what is written can be read again", () => {
  const values = {
    q: "a&b=ｃ",
    status: ["open"] as const,
    sort: "registered_at" as const,
    page: 3,
    mine: true,
    open: ["4", "2"],
  };
  const written = withChange(parameters, new URLSearchParams("other=1"), values);
  expect(written.get("other")).toBe("1");
  expect(valuesOf(parameters, new URLSearchParams(written.toString()))).toEqual(values);
});

test("defaults do not stand in the URL", () => {
  const before = new URLSearchParams("q=x&page=3&sort=registered_at&other=1");
  expect(withChange(parameters, before, { q: "", page: 1, sort: "id", status: [] }).toString()).toBe("other=1");
});

import { expect, test } from "vitest";
import type { Callback } from "../api/types";
import { versionFor } from "./change";

const base = { id: 42, version: 3, status: "open", assignee: "sato", memo: "", contact_number: null } as Callback;

test("what others changed elsewhere in the record is no conflict", () => {
  expect(versionFor(base, { ...base, version: 5, memo: "折り返し済み" }, ["status", "assignee"])).toBe(5);
});

test("what others changed itself is left to the server to refuse", () => {
  expect(versionFor(base, { ...base, version: 5, assignee: "suzuki" }, ["status", "assignee"])).toBe(3);
});

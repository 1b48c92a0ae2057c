import { expect, test } from "vitest";
import type { Call } from "../../api/types";
import { mayBelong, numberTyped, withNewCalls } from "./useCalls";

const call = (request_id: string, more: Partial<Call> = {}): Call =>
  ({ request_id, kind: "call_center", agents: ["PJSIP/2001"], ...more }) as Call;

test("numbers are sent as they were typed, once there is something to look for", () => {
  const typed = ["０３－１２３４", " +81 (3) 12", "sato", "*", "+", "- (", " ", "佐藤"];
  expect(typed.map(numberTyped)).toEqual(["０３－１２３４", "+81 (3) 12", "sato", "*", "", "", "", "佐藤"]);
});

test("only calls that may belong to the list are counted", () => {
  expect(mayBelong(call("r1"), {})).toBe(true);
  expect(mayBelong(call("r1"), { kind: "terminal" })).toBe(false);
  expect(mayBelong(call("r1"), { agent: "PJSIP/2001", kind: "call_center" })).toBe(true);
  expect(mayBelong(call("r1"), { agent: "PJSIP/2002" })).toBe(false);
});

test("new calls come first, and none twice", () => {
  const list = {
    pages: [
      { items: [call("r3"), call("r2")], next_cursor: "c" },
      { items: [call("r1")], next_cursor: null },
    ],
    pageParams: [null, "c"],
  };
  const fresh = { items: [call("r5"), call("r4"), call("r3"), call("r1")], next_cursor: "d" };
  const merged = withNewCalls(list, fresh);
  expect(merged.pages.map((p) => p.items.map((c) => c.request_id))).toEqual([["r5", "r4", "r3", "r2"], ["r1"]]);
  expect(merged.pages[0]?.next_cursor).toBe("c");
  expect(withNewCalls(list, { items: [call("r2")], next_cursor: null })).toBe(list);
});

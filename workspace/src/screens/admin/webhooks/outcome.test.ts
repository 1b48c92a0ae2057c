import { expect, test } from "vitest";
import { conditionOf, disabledAt } from "./outcome";

test("one that fails is told from one that is well, and one that is off from both", () => {
  const since = "2026-11-20T01:08:02.330Z";
  expect(conditionOf({ state: "active", failing_since: null })).toBe("active");
  expect(conditionOf({ state: "active", failing_since: since })).toBe("failing");
  expect(conditionOf({ state: "disabled", failing_since: since })).toBe("disabled");
  expect(conditionOf({ state: "inactive", failing_since: null })).toBe("inactive");
});

test("one that fails is disabled after three days", () => {
  expect(disabledAt("2026-11-20T01:08:02.330Z")).toBe("2026-11-23T01:08:02.330Z");
});

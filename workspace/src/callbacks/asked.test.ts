import { expect, test } from "vitest";
import { askedByCaller } from "./asked";

test("a caller who asks adds to what an agent had registered", () => {
  expect(askedByCaller({ origin: "automatic", requests: 1 })).toBe(true);
  expect(askedByCaller({ origin: "manual", requests: 2 })).toBe(true);
  expect(askedByCaller({ origin: "manual", requests: 1 })).toBe(false);
});

import { expect, test } from "vitest";
import { withCursor } from "./pages";

test("each page's cursor is remembered on the way", () => {
  const two = withCursor([], 2, "b");
  expect(withCursor(two, 3, "c")).toEqual([null, "b", "c"]);
});

test("another way forward forgets the pages after it", () => {
  expect(withCursor([null, "b", "c", "d"], 2, "x")).toEqual([null, "x"]);
});

test("a page that was come to by its address leaves those before unknown", () => {
  expect(withCursor([], 4, "d")).toEqual([null, null, null, "d"]);
});

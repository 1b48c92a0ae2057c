import { expect, test } from "vitest";
import { searchFor } from "./tabs";

const before = "status=open&open=41%2C42";

test("whoever comes from the menu finds the list and tabs as they were", () => {
  expect(searchFor("", null, false, before)).toBe(before);
});

test("who cleared everything finds nothing", () => {
  expect(searchFor("", null, true, before)).toBe(null);
});

test("a notification opens one tab more", () => {
  expect(searchFor("", 43, false, before)).toBe("status=open&open=41%2C42%2C43");
  expect(searchFor("", 42, false, before)).toBe(before);
});

test("an address that says what to show is followed", () => {
  expect(searchFor("status=completed", null, false, before)).toBe(null);
  expect(searchFor("q=1", 7, true, before)).toBe("q=1&open=7");
  expect(searchFor("open=7&q=%E5%B1%B1", 7, true, before)).toBe(null);
});

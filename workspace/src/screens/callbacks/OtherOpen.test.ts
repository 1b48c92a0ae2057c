import { expect, test } from "vitest";
import { isSameNumber } from "./OtherOpen";

test("a number is the same in every spelling", () => {
  for (const spelling of ["0312345678", "+81312345678", "81312345678", "01081312345678"]) {
    expect(isSameNumber("0312345678", spelling), spelling).toBe(true);
    expect(isSameNumber(spelling, "+81312345678"), spelling).toBe(true);
  }
  expect(isSameNumber("2001", "2001")).toBe(true);
});

test("numbers that begin as another are others", () => {
  expect(isSameNumber("2001", "20011")).toBe(false);
  expect(isSameNumber("0312345678", "03123456789")).toBe(false);
  expect(isSameNumber("0120123456", "0120123457")).toBe(false);
  expect(isSameNumber(null, null)).toBe(false);
});

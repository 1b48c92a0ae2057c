import { expect, test } from "vitest";
import { timesFor } from "./times";

const now = () => new Date("2026-11-20T23:30:00Z");
const tokyo = timesFor("ja", "Asia/Tokyo", now);

test("times are those of the site, wherever the browser is", () => {
  expect(tokyo.dateTime("2026-11-20T15:08:02.330Z")).toBe("2026/11/21 00:08:02");
  expect(timesFor("en", "Asia/Tokyo", now).dateTime("2026-11-20T15:08:02.330Z")).toBe("21 Nov 2026, 00:08:02");
  expect(timesFor("ja", "Europe/Berlin", now).time("2026-07-01T10:00:00Z")).toBe("12:00:00");
  expect(tokyo.day()).toBe("2026-11-21");
});

test("a short time has the year when it is another one", () => {
  expect(tokyo.short("2026-01-05T00:00:00Z")).toBe("01/05 09:00");
  expect(tokyo.short("2025-12-31T14:59:00Z")).toBe("2025/12/31 23:59");
});

test("what is not known is a dash", () => {
  expect([tokyo.dateTime(null), tokyo.short(undefined), tokyo.time(null), tokyo.duration(null)]).toEqual([
    "-",
    "-",
    "-",
    "-",
  ]);
});

test("lengths of time", () => {
  expect([0, 5.9, 65, 3600, 45296].map(tokyo.duration)).toEqual(["0:00", "0:05", "1:05", "1:00:00", "12:34:56"]);
});

test("a day begins when it begins at the site", () => {
  expect(tokyo.dayBegins("2026-11-20")).toBe("2026-11-19T15:00:00.000Z");
  expect(tokyo.dayBegins("2026-11-30", 1)).toBe("2026-11-30T15:00:00.000Z");
  const berlin = timesFor("ja", "Europe/Berlin", now);
  expect(berlin.dayBegins("2026-03-29")).toBe("2026-03-28T23:00:00.000Z"); // the clock goes forward on it
  expect(berlin.dayBegins("2026-03-29", 1)).toBe("2026-03-29T22:00:00.000Z");
});

test("a minute at the site goes into an input and comes out of it", () => {
  expect(tokyo.toInput(new Date("2026-11-20T15:08:02.330Z"))).toBe("2026-11-21T00:08");
  expect(tokyo.fromInput("2026-11-21T00:08")).toBe("2026-11-20T15:08:00.000Z");
  const berlin = timesFor("ja", "Europe/Berlin", now);
  expect(berlin.fromInput("2026-03-29T12:00")).toBe("2026-03-29T10:00:00.000Z"); // the clock went forward on it
  expect(tokyo.fromInput("")).toBe(null);
});

test("how long ago something was is said roughly", () => {
  const { ago } = timesFor("ja", "Asia/Tokyo");
  expect([0.4, 59, 60, 3599, 3600, 47 * 3600, 49 * 3600, null].map(ago)).toEqual([
    "0 秒前",
    "59 秒前",
    "1 分前",
    "59 分前",
    "1 時間前",
    "47 時間前",
    "2 日前",
    "-",
  ]);
});

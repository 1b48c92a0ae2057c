import { expect, test } from "vitest";
import { load } from "./load";

/** A part that cannot be had for some times. */
function part(failures: number) {
  const asked = { times: 0 };
  const get = async () => {
    asked.times++;
    if (asked.times <= failures) throw new TypeError("Failed to fetch dynamically imported module");
    return "screen";
  };
  return { asked, get };
}

test("a part is loaded as soon as the server is back", async () => {
  const { asked, get } = part(5);
  let away = 4;
  expect(await load(get, async () => --away < 0, 1)).toBe("screen");
  expect(asked.times).toBe(6);
});

test("a part that the server does not have is given up", async () => {
  const { asked, get } = part(Number.POSITIVE_INFINITY);
  await expect(load(get, async () => true, 1)).rejects.toThrow("dynamically imported");
  expect(asked.times).toBe(2);
});

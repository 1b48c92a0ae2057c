import { expect, test } from "vitest";
import { dialable } from "./ContactField";

test("a number typed on a Japanese keyboard can be dialled", () => {
  expect(dialable(" ０９０ー１２３４－５６７８　")).toBe("090-1234-5678");
  expect(dialable("+81 (3) 1234-5678")).toBe("+81 (3) 1234-5678");
  expect(dialable("　")).toBe("");
});

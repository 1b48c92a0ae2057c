import { act, renderHook } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";
import type { Callback } from "../../api/types";
import { useTextEditor } from "./useTextEditor";

vi.mock("../../session/session", () => ({ useMe: () => ({ name: "sato" }) }));

const record = (version: number, memo: string) => ({ id: 42, version, memo }) as Callback;

function edit(first: Callback) {
  return renderHook(({ now }) => useTextEditor("memo/42", now, "memo"), { initialProps: { now: first } });
}

beforeEach(() => localStorage.clear());

test("what was typed survives the page", () => {
  const { result, unmount } = edit(record(1, "a"));
  act(() => result.current.begin());
  act(() => result.current.type("ab"));
  unmount();
  const again = edit(record(1, "a"));
  expect(again.result.current).toMatchObject({ text: "ab", unsaved: true, version: 1, theirs: null });
});

test("opening the editor, or typing back what was there, leaves nothing unsaved", () => {
  const { result, unmount } = edit(record(1, "a"));
  act(() => result.current.begin());
  expect(result.current).toMatchObject({ text: "a", unsaved: false });
  act(() => result.current.type("ab"));
  act(() => result.current.type("a"));
  unmount();
  expect(edit(record(1, "a")).result.current.text).toBe(null);
});

test("a change elsewhere in the record is no conflict", () => {
  const { result, rerender } = edit(record(1, "a"));
  act(() => result.current.begin());
  act(() => result.current.type("ab"));
  rerender({ now: record(2, "a") });
  expect(result.current).toMatchObject({ version: 2, theirs: null });
});

test("a change of the text itself is one, until the user goes on from it", () => {
  const { result, rerender } = edit(record(1, "a"));
  act(() => result.current.begin());
  act(() => result.current.type("ab"));
  const theirs = record(3, "other");
  rerender({ now: theirs });
  expect(result.current).toMatchObject({ text: "ab", version: 1, theirs: "other" });
  act(() => result.current.goOn(theirs));
  expect(result.current).toMatchObject({ text: "ab", version: 3, theirs: "other", unsaved: true });
  act(() => result.current.end());
  expect(result.current).toMatchObject({ text: null, theirs: null });
});

test("what was typed while the text was being saved stays, as a change of what is there now", () => {
  const { result, rerender } = edit(record(1, "a"));
  act(() => result.current.begin());
  act(() => result.current.type("ab"));
  const { saved } = result.current;
  act(() => result.current.type("abc"));
  rerender({ now: record(2, "ab") });
  act(() => saved("ab", record(2, "ab")));
  expect(result.current).toMatchObject({ text: "abc", unsaved: true, version: 2, theirs: null });
});

test("a text that was saved is no draft any more, also when the answer comes to a page that was left", () => {
  const { result, unmount } = edit(record(1, "a"));
  act(() => result.current.begin());
  act(() => result.current.type("ab"));
  const { saved } = result.current;
  unmount();
  saved("ab", record(2, "ab"));
  expect(edit(record(2, "ab")).result.current).toMatchObject({ text: null, unsaved: false, theirs: null });
});

test("what oneself saved is not shown as somebody else's when the answer was lost", () => {
  const { result, rerender } = edit(record(1, "a"));
  act(() => result.current.begin());
  act(() => result.current.type("ab"));
  rerender({ now: record(2, "ab") });
  expect(result.current).toMatchObject({ text: "ab", unsaved: false, theirs: null });
});

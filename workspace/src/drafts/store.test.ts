import { expect, test } from "vitest";
import { clearDrafts, hasDrafts, sweepDrafts } from "./store";

const draftOf = (at: number) => JSON.stringify({ at, draft: { text: "見積りの件" } });

test("logging out takes the account's drafts, and nobody else's", () => {
  localStorage.setItem("callbackd.draft.sato/memo/42", draftOf(1));
  localStorage.setItem("callbackd.draft.satomi/memo/42", draftOf(1));
  expect(hasDrafts("sato")).toBe(true);
  clearDrafts("sato");
  expect(hasDrafts("sato")).toBe(false);
  expect(hasDrafts("satomi")).toBe(true);
});

test("drafts that are a month old, or broken, are swept away", () => {
  const now = Date.UTC(2026, 10, 20);
  localStorage.setItem("callbackd.draft.sato/memo/1", draftOf(now - 31 * 24 * 60 * 60_000));
  localStorage.setItem("callbackd.draft.sato/memo/2", draftOf(now));
  localStorage.setItem("callbackd.draft.sato/memo/3", "{");
  localStorage.setItem("callbackd.language", "en");
  sweepDrafts(now);
  expect(Object.keys(localStorage).sort()).toEqual(["callbackd.draft.sato/memo/2", "callbackd.language"]);
});

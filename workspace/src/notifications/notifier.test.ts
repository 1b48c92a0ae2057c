import { expect, test } from "vitest";
import type { Callback, ChangeEvent } from "../api/types";
import { countMine } from "./mine";
import { type HistoryEntry, isBy, Notifier } from "./notifier";

const now = Date.parse("2026-11-20T10:00:00Z");

function event(callback: Partial<Callback>, ageSeconds = 1): ChangeEvent {
  const at = new Date(now - ageSeconds * 1000).toISOString();
  const whole = {
    id: 42,
    version: 1,
    assignee: null,
    registered_at: at,
    registered_by: "suzuki",
    status: "open",
    ...callback,
  };
  return { at, change: 1, callback: whole as Callback };
}

function notifier(...history: Partial<HistoryEntry>[]): Notifier {
  const entries = history.map((e) => ({
    version: 2,
    at: new Date(now).toISOString(),
    by: "yamada",
    changes: [],
    ...e,
  }));
  return new Notifier(
    { name: "sato" },
    async () => entries,
    () => now,
  );
}

const toMe = { changes: [{ field: "assignee", to: "sato" }] };
const old = { registered_at: "2026-11-01T00:00:00Z" };

test("a new callback is told once", async () => {
  const n = notifier();
  expect(await n.noticeOf(event({}))).toMatchObject({ kind: "registered" });
  expect(await n.noticeOf(event({ version: 2, memo: "見積り" }))).toBeNull();
  expect(await n.noticeOf(event({ id: 43 }))).toMatchObject({ kind: "registered" });
});

test("one's own registration, and what is no news any more, is not told", async () => {
  const n = notifier();
  expect(await n.noticeOf(event({ registered_by: "sato" }))).toBeNull();
  expect(await n.noticeOf(event({ id: 43, registered_by: "sato (token:crm)" }))).toBeNull();
  expect(await n.noticeOf(event({ id: 44 }, 600))).toBeNull();
  expect(await n.noticeOf(event({ id: 45, ...old }))).toBeNull();
  expect(isBy("satomi", "sato")).toBe(false);
});

test("being assigned by somebody else is told once", async () => {
  const n = notifier(toMe);
  expect(await n.noticeOf(event({ ...old, assignee: "sato", version: 2 }))).toMatchObject({ kind: "assigned" });
  expect(await n.noticeOf(event({ ...old, assignee: "sato", version: 3 }))).toBeNull();
});

test("one's own claim is not told", async () => {
  const n = notifier({ ...toMe, by: "sato" });
  expect(await n.noticeOf(event({ ...old, assignee: "sato", version: 2 }))).toBeNull();
});

test("a change of what was assigned long ago is not told", async () => {
  const n = notifier({ ...toMe, at: "2026-11-01T00:00:00Z" }, { version: 9, changes: [{ field: "memo", to: "x" }] });
  expect(await n.noticeOf(event({ ...old, assignee: "sato", version: 9 }))).toBeNull();
});

test("what another tab told is not told again", async () => {
  const n = notifier(toMe);
  n.note(event({ assignee: "sato", version: 2 }));
  expect(await n.noticeOf(event({ assignee: "sato", version: 3 }))).toBeNull();
});

test("my open callbacks are counted in and out", () => {
  const mine = { ids: [1, 2], total: 2 };
  const c = (id: number, assignee: string | null, status: string) => ({ id, assignee, status }) as Callback;
  expect(countMine(mine, c(3, "sato", "open"), "sato")).toEqual({ ids: [1, 2, 3], total: 3 });
  expect(countMine(mine, c(1, "suzuki", "open"), "sato")).toEqual({ ids: [2], total: 1 });
  expect(countMine(mine, c(2, "sato", "completed"), "sato")).toEqual({ ids: [1], total: 1 });
  expect(countMine(mine, c(2, "sato", "open"), "sato")).toBe(mine);
  expect(countMine({ ids: [1, 2], total: 300 }, c(3, "sato", "open"), "sato")).toBeNull();
});

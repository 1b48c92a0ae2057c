import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";
import type { Call, Callback, ChangeEvent } from "../api/types";
import { RecordCache } from "./cache";

const callback = (id: number, version: number, memo = ""): Callback =>
  ({ id, version, memo, request_id: `r${id}` }) as Callback;
const changed = (record: Callback): ChangeEvent => ({ at: "2026-11-20T00:00:00Z", change: 1, callback: record });

function newCache(): { queries: QueryClient; cache: RecordCache } {
  const queries = new QueryClient();
  return { queries, cache: new RecordCache(queries) };
}

test("a changed record is replaced where it stands, and only by a newer one", () => {
  const { queries, cache } = newCache();
  const list = ["callbacks", "list", { q: "" }];
  queries.setQueryData(list, { items: [callback(1, 1), callback(2, 5, "新"), callback(3, 1)], next_cursor: null });
  queries.setQueryData(["callbacks", "one", 3], { ...callback(3, 1), other_open_callbacks: 2 });
  cache.apply(changed(callback(3, 2, "変更")));
  cache.apply(changed(callback(2, 4, "旧")));
  cache.apply(changed(callback(9, 1)));
  const items = queries.getQueryData<{ items: Callback[] }>(list)?.items;
  expect(items?.map((c) => [c.id, c.version, c.memo])).toEqual([
    [1, 1, ""],
    [2, 5, "新"],
    [3, 2, "変更"],
  ]);
  expect(queries.getQueryData(["callbacks", "one", 3])).toMatchObject({ version: 2, other_open_callbacks: 2 });
});

test("a call learns of its callback", () => {
  const { queries, cache } = newCache();
  queries.setQueryData(["calls", "list", {}], {
    pages: [{ items: [{ request_id: "r7", callback_id: null }] }],
    pageParams: [],
  });
  cache.apply(changed(callback(7, 1)));
  expect(queries.getQueryData(["calls", "list", {}])).toMatchObject({ pages: [{ items: [{ callback_id: 7 }] }] });
});

test("an answer that is older than a change does not take it back", async () => {
  const { queries, cache } = newCache();
  const queryKey = ["callbacks", "list", {}];
  let answer: (page: unknown) => void = () => {};
  const reading = queries.fetchQuery({
    queryKey,
    queryFn: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  cache.apply(changed(callback(1, 2, "変更")));
  answer({ items: [callback(1, 1)], next_cursor: null });
  await reading;
  expect(queries.getQueryData(queryKey)).toMatchObject({ items: [{ id: 1, version: 2, memo: "変更" }] });
});

test("a call that ended does not go on", async () => {
  const { queries, cache } = newCache();
  const queryKey = ["calls", "list", {}];
  let answer: (page: unknown) => void = () => {};
  const reading = queries.fetchQuery({
    queryKey,
    queryFn: () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  });
  cache.apply({ at: "", change: 1, call: { request_id: "r1", state: "active" } as Call });
  answer({ items: [{ request_id: "r1", state: "ended" }], next_cursor: null });
  await reading;
  expect(queries.getQueryData(queryKey)).toMatchObject({ items: [{ state: "ended" }] });
});

test("what nobody looks at is not kept when changes were lost", () => {
  const { queries, cache } = newCache();
  queries.setQueryData(["callbacks", "list", {}], { items: [] });
  queries.setQueryData(["site"], { timezone: "Asia/Tokyo" });
  cache.reload();
  expect(queries.getQueryData(["callbacks", "list", {}])).toBeUndefined();
  expect(queries.getQueryData(["site"])).toBeDefined();
});

import type { InfiniteData, QueryClient, QueryKey } from "@tanstack/react-query";
import type { Call, Callback, ChangeEvent } from "../api/types";

/** A page of a list, as the API answers it. */
interface Page<T> {
  items: readonly T[];
}

type List<T> = Page<T> | InfiniteData<Page<T>>;

/**
 * Replaces records of a list, page or pages alike, where they stand. Returns undefined, by which TanStack Query leaves
 * a list alone, when none is in it.
 */
export function patchList<T>(list: List<T> | undefined, patch: (record: T) => T): List<T> | undefined {
  if (list === undefined) return undefined;
  if ("pages" in list) {
    const pages = list.pages.map((page) => patchPage(page, patch));
    return pages.every((page, i) => page === list.pages[i]) ? undefined : { ...list, pages };
  }
  const page = patchPage(list, patch);
  return page === list ? undefined : page;
}

function patchPage<T>(page: Page<T>, patch: (record: T) => T): Page<T> {
  const items = page.items.map(patch);
  return items.every((item, i) => item === page.items[i]) ? page : { ...page, items };
}

/** Puts a callback, as it now is, wherever the cache has an older one: in lists, details, and at its call. */
export function putCallback(queries: QueryClient, callback: Callback): void {
  const newer = <T extends Callback>(old: T): T =>
    old.id === callback.id && old.version <= callback.version ? { ...old, ...callback } : old;
  queries.setQueriesData<List<Callback>>({ queryKey: ["callbacks", "list"] }, (list) => patchList(list, newer));
  queries.setQueryData<Callback>(["callbacks", "one", callback.id], (old) => old && newer(old));
  void queries.invalidateQueries({ queryKey: ["callbacks", "history", callback.id] });
  const known = <T extends Call>(call: T): T =>
    call.request_id === callback.request_id && call.callback_id !== callback.id
      ? { ...call, callback_id: callback.id }
      : call;
  queries.setQueriesData<List<Call>>({ queryKey: ["calls", "list"] }, (list) => patchList(list, known));
  queries.setQueryData<Call>(["calls", "one", callback.request_id], (old) => old && known(old));
}

/** The same for a call. Its legs and receipt are not in the event, so its detail is read again. */
export function putCall(queries: QueryClient, call: Call): void {
  const newer = (old: Call): Call => (old.request_id === call.request_id ? { ...old, ...call } : old);
  queries.setQueriesData<List<Call>>({ queryKey: ["calls", "list"] }, (list) => patchList(list, newer));
  void queries.invalidateQueries({ queryKey: ["calls", "one", call.request_id] });
}

/** For how long a change is remembered, in milliseconds: longer than an answer takes. */
const memory = 60_000;

/**
 * Keeps the cache as the server is. An answer that was on its way while a change came may be older than the change,
 * so what changed lately is put into each answer again.
 */
export class RecordCache {
  private readonly recent = new Map<string, { at: number; event: ChangeEvent }>();

  constructor(private readonly queries: QueryClient) {
    queries.getQueryCache().subscribe((change) => {
      if (change.type !== "updated" || change.action.type !== "success" || change.action.manual) return;
      this.putRecent(change.query.queryKey);
    });
  }

  apply(event: ChangeEvent): void {
    if (event.node) {
      // The event does not say what is wrong, for that depends on the language.
      for (const resource of ["nodes", "gaps"]) void this.queries.invalidateQueries({ queryKey: [resource] });
      return;
    }
    if (!event.callback && !event.call) return;
    const key = event.callback ? `callback ${event.callback.id}` : `call ${event.call?.request_id}`;
    this.recent.delete(key);
    this.recent.set(key, { at: Date.now(), event });
    this.forget();
    this.put(event);
  }

  /** Has everything that the event stream keeps fresh read anew. */
  reload(): void {
    this.recent.clear();
    for (const resource of ["calls", "callbacks"]) {
      this.queries.removeQueries({ queryKey: [resource], type: "inactive" });
      void this.queries.invalidateQueries({ queryKey: [resource] });
    }
  }

  private put(event: ChangeEvent): void {
    if (event.callback) putCallback(this.queries, event.callback);
    if (event.call) putCall(this.queries, event.call);
  }

  private putRecent(key: QueryKey): void {
    this.forget();
    for (const { event } of this.recent.values()) {
      if (key[0] === "callbacks" && event.callback && key[1] !== "history")
        putCallbackAt(this.queries, key, event.callback);
      if (key[0] === "calls" && event.call && key[1] === "list") putCallAt(this.queries, key, event.call);
    }
  }

  private forget(): void {
    const now = Date.now();
    for (const [key, { at }] of this.recent) {
      if (now - at <= memory) return; // the others are younger
      this.recent.delete(key);
    }
  }
}

function putCallbackAt(queries: QueryClient, key: QueryKey, callback: Callback): void {
  const newer = (old: Callback): Callback =>
    old.id === callback.id && old.version < callback.version ? { ...old, ...callback } : old;
  if (key[1] === "list") queries.setQueryData<List<Callback>>(key, (list) => patchList(list, newer));
  if (key[1] === "one") queries.setQueryData<Callback>(key, (old) => old && newer(old));
}

function putCallAt(queries: QueryClient, key: QueryKey, call: Call): void {
  // A call has no version, but never goes on after it ended.
  const newer = (old: Call): Call =>
    old.request_id === call.request_id && old.state !== "ended" ? { ...old, ...call } : old;
  queries.setQueryData<List<Call>>(key, (list) => patchList(list, newer));
}

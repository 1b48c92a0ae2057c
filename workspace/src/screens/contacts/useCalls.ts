import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, read } from "../../api/client";
import type { paths } from "../../api/schema.gen";
import type { Call } from "../../api/types";
import { useChanges } from "../../events/events";

export type CallQuery = NonNullable<paths["/calls"]["get"]["parameters"]["query"]>;

interface Page {
  items: readonly Call[];
  next_cursor: string | null;
}

type Pages = InfiniteData<Page, string | null>;

/** Several calls may begin at once; how long to collect them before the list is read, in milliseconds. */
const collect = 250;

/** What was typed of a number, which the server reads in any spelling; nothing until there is more than a separator. */
export function numberTyped(typed: string): string {
  return /[\p{L}\p{N}*#]/u.test(typed) ? typed.trim() : "";
}

/** Tells whether a call that changed may belong to a list that does not have it. The server decides. */
export function mayBelong(call: Call, query: CallQuery): boolean {
  return (
    (query.kind === undefined || call.kind === query.kind) &&
    (query.agent === undefined || call.agents.includes(query.agent))
  );
}

/** Puts the calls of a fresh first page before those that the list has. */
export function withNewCalls(list: Pages, fresh: Page): Pages {
  const [first, ...rest] = list.pages;
  if (!first) return list;
  const known = new Set(list.pages.flatMap((page) => page.items.map((c) => c.request_id)));
  const items = fresh.items.filter((c) => !known.has(c.request_id));
  return items.length === 0 ? list : { ...list, pages: [{ ...first, items: [...items, ...first.items] }, ...rest] };
}

/**
 * The calls of a list, newest first, and new ones as they begin. While held, as when the mouse is over the list, the
 * list does not move: new calls are counted, and come when it is let go or showNew is called.
 */
export function useCalls(query: CallQuery, held: boolean) {
  const queries = useQueryClient();
  const queryKey = ["calls", "list", query];
  const list = useInfiniteQuery({
    queryKey,
    initialPageParam: null as string | null,
    queryFn: ({ pageParam, signal }) =>
      read(api.GET("/calls", { params: { query: { ...query, ...(pageParam ? { cursor: pageParam } : {}) } }, signal })),
    getNextPageParam: (page) => page.next_cursor,
    // Calls that began while another screen was shown are nobody's to add: coming back asks for them.
    staleTime: 0,
  });
  const [unseen, setUnseen] = useState<ReadonlySet<string>>(new Set());
  const waiting = useRef<ReturnType<typeof setTimeout> | null>(null);
  useChanges(({ event }) => {
    const call = event.call;
    if (!call || !mayBelong(call, query)) return;
    const known = queries
      .getQueryData<Pages>(queryKey)
      ?.pages.some((p) => p.items.some((c) => c.request_id === call.request_id));
    if (known === false && !unseen.has(call.request_id)) setUnseen((before) => new Set([...before, call.request_id]));
  });
  const showNew = async () => {
    setUnseen(new Set());
    // An answer that is on its way may not have the new calls, and would take them away again.
    if (queries.isFetching({ queryKey, exact: true }) > 0) {
      await queries.refetchQueries({ queryKey, exact: true });
      return;
    }
    const fresh = await read(api.GET("/calls", { params: { query } }));
    queries.setQueryData<Pages>(queryKey, (before) => before && withNewCalls(before, fresh));
  };
  const show = useRef(showNew);
  useEffect(() => {
    show.current = showNew;
  });
  useEffect(() => {
    if (unseen.size === 0 || held) return;
    waiting.current ??= setTimeout(() => {
      waiting.current = null;
      void show.current().catch(() => {}); // the next change, or リロード, tries again
    }, collect);
    return () => {
      if (waiting.current !== null) clearTimeout(waiting.current);
      waiting.current = null;
    };
  }, [unseen, held]);
  return { ...list, calls: list.data?.pages.flatMap((p) => p.items) ?? [], unseen: unseen.size, showNew };
}

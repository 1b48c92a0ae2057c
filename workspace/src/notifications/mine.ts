import { useQuery, useQueryClient } from "@tanstack/react-query";
import { api, read } from "../api/client";
import type { Callback } from "../api/types";
import { useChanges } from "../events/events";
import { useMe } from "../session/session";

/** As many ids as one page holds; who has more open callbacks gets the count anew with each change. */
const pageSize = 200;

interface Mine {
  ids: readonly number[];
  total: number;
}

/** Counts a callback in or out, as it now is; null when that takes asking the server. */
export function countMine(mine: Mine, callback: Callback, account: string): Mine | null {
  const isMine = callback.assignee === account && callback.status === "open";
  const wasMine = mine.ids.includes(callback.id);
  if (isMine === wasMine) return mine;
  if (mine.total > mine.ids.length) return null;
  const ids = isMine ? [...mine.ids, callback.id] : mine.ids.filter((id) => id !== callback.id);
  return { ids, total: ids.length };
}

/** How many open callbacks are the user's, at all call centers. */
export function useOpenMine(): number {
  const me = useMe();
  const queries = useQueryClient();
  const queryKey = ["callbacks", "mine"];
  const { data } = useQuery({
    queryKey,
    enabled: me.kind === "account",
    queryFn: async ({ signal }): Promise<Mine> => {
      const query = { mine: true, status: ["open" as const], page_size: pageSize, total: true };
      const page = await read(api.GET("/callbacks", { params: { query }, signal }));
      return { ids: page.items.map((c) => c.id), total: page.total ?? page.items.length };
    },
  });
  useChanges(({ event }) => {
    const mine = queries.getQueryData<Mine>(queryKey);
    if (!event.callback || !mine) return;
    const now = countMine(mine, event.callback, me.name);
    if (now === null) void queries.invalidateQueries({ queryKey });
    else if (now !== mine) queries.setQueryData(queryKey, now);
  });
  return data?.total ?? 0;
}

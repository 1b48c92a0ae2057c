import { useDebouncedCallback } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, read } from "../../api/client";
import type { CallbackQuery } from "../../callbacks/useCallbackList";
import { useChanges } from "../../events/events";

/** How long to gather registrations, in milliseconds, before they are counted. */
const gather = 300;

/**
 * Counts the callbacks that were registered since a list was loaded and that its filters match. The server counts: what
 * 絞り込み finds, the page cannot tell. change is that of the list's answer.
 */
export function useNewCount(filters: CallbackQuery, change: number | undefined): number {
  const [registered, setRegistered] = useState(0);
  const gathered = useDebouncedCallback(setRegistered, gather);
  useChanges(({ event }) => {
    if (event.callback?.version === 1) gathered(event.change);
  });
  const counted = useQuery({
    queryKey: ["callbacks", "new", filters, change, registered],
    queryFn: async ({ signal }) => {
      const query = { ...filters, page_size: 1, ...(change !== undefined && { new_since: change }) };
      return (await read(api.GET("/callbacks", { params: { query }, signal }))).new_count ?? 0;
    },
    enabled: change !== undefined && registered > change,
    gcTime: 0,
    placeholderData: keepPreviousData,
  });
  return change !== undefined && registered > change ? (counted.data ?? 0) : 0;
}

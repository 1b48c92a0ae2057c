import { useThrottledCallback } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { api, read } from "../../api/client";
import type { components } from "../../api/schema.gen";
import { useChanges } from "../../events/events";

export type Monitor = components["schemas"]["Monitor"];

/** How often it is asked without a change, in milliseconds: calls of other call centers bring none. */
const quiet = 5_000;

/** How often it is asked at most when much changes. */
const busy = 1_000;

/** What goes on now, kept as the contract of GET /monitor says. */
export function useMonitor() {
  const monitor = useQuery({
    queryKey: ["monitor"],
    queryFn: ({ signal }) => read(api.GET("/monitor", { signal })),
    refetchInterval: quiet,
    staleTime: 0,
    gcTime: 0,
  });
  const again = useThrottledCallback(() => void monitor.refetch(), busy);
  useChanges(() => again());
  return monitor;
}

import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, read } from "../api/client";

/** What the configuration says changes rarely, but may: it is read again after a while. */
const staleTime = 5 * 60_000;

export function useCallCenters() {
  return useQuery({
    queryKey: ["call-centers"],
    queryFn: async ({ signal }) => (await read(api.GET("/call-centers", { signal }))).items,
    staleTime,
  });
}

export function useBusinessLabels() {
  return useQuery({
    queryKey: ["business-labels"],
    queryFn: async ({ signal }) => (await read(api.GET("/business-labels", { signal }))).items,
    staleTime,
  });
}

export interface Names {
  callCenter(id: string | null): string;
  businessLabel(id: string | null): string;
}

/** Names for people of what records name by ids. An id that the configuration does not have any more is its own name. */
export function useNames(): Names {
  const callCenters = useCallCenters().data;
  const labels = useBusinessLabels().data;
  // The same as long as nothing changes: rows of long tables are drawn anew with it.
  return useMemo(() => {
    const name = (list: readonly { id: string; name: string }[] | undefined, id: string | null) =>
      id === null ? "-" : (list?.find((item) => item.id === id)?.name ?? id);
    return { callCenter: (id) => name(callCenters, id), businessLabel: (id) => name(labels, id) };
  }, [callCenters, labels]);
}

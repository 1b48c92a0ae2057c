import { useQuery } from "@tanstack/react-query";
import { api, read } from "../api/client";
import type { Site } from "../api/types";

/** What is public about the site. Times are shown in its zone wherever the browser is. */
export function useSite(): Site | undefined {
  return useQuery({
    queryKey: ["site"],
    queryFn: ({ signal }) => read(api.GET("/site", { signal })),
  }).data;
}

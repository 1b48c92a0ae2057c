import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { NoAnswerError, ProblemError } from "./problem";

/** Whether to ask again by itself: only when the server may answer otherwise soon. */
function mayHelp(error: unknown): boolean {
  if (error instanceof ProblemError) return error.problem.status === 503;
  return error instanceof NoAnswerError;
}

/**
 * Makes the cache of what was read. Records are kept fresh by the event stream, so nothing is read again because a
 * window got the focus.
 */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache(),
    mutationCache: new MutationCache(),
    defaultOptions: {
      queries: {
        staleTime: Number.POSITIVE_INFINITY,
        gcTime: 10 * 60_000,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        networkMode: "always",
        retry: (count, error) => count < 3 && mayHelp(error),
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}

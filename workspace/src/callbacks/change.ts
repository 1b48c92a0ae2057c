import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, read } from "../api/client";
import { NoAnswerError } from "../api/problem";
import type { Callback, CallbackChange } from "../api/types";
import { putCallback } from "../events/cache";
import { callbackKeys } from "./keys";

/** A callback as the user saw it when they began to change it. */
export type Base = Pick<Callback, "id" | "version" | "status" | "assignee" | "memo" | "contact_number">;

/**
 * Returns the version from which to change a member. What others changed elsewhere in the record meanwhile, and the page
 * shows, is no conflict; if the member itself was changed, it is that of the beginning, and the server says `stale`.
 */
export function versionFor(base: Base, now: Callback, members: (keyof Base)[]): number {
  return members.every((m) => base[m] === now[m]) ? now.version : base.version;
}

export interface ChangeRequest {
  id: number;
  change: CallbackChange;
}

/** Asked again only when no answer came: with the same key the server makes a change once. */
const retry = (count: number, error: unknown) => count < 2 && error instanceof NoAnswerError;

/** One key a change, also when it is asked for again. */
function keyed<V extends object>(): (variables: V) => string {
  const keys = new WeakMap<V, string>();
  return (variables) => {
    const key = keys.get(variables) ?? crypto.randomUUID();
    keys.set(variables, key);
    return key;
  };
}

const changeKey = keyed<ChangeRequest>();
const claimKey = keyed<ClaimRequest>();

/** Changes callbacks; their new state is shown everywhere at once. */
export function useChangeCallback() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (request: ChangeRequest) =>
      read(
        api.PATCH("/callbacks/{id}", {
          params: { path: { id: request.id }, header: { "Idempotency-Key": changeKey(request) } },
          body: request.change,
        }),
      ),
    retry,
    onSuccess: (callback) => putCallback(queries, callback),
  });
}

export interface ClaimRequest {
  id: number;
  version: number;
}

/** Makes the user the assignee. */
export function useClaimCallback() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (request: ClaimRequest) =>
      read(
        api.POST("/callbacks/{id}/claim", {
          params: { path: { id: request.id }, header: { "Idempotency-Key": claimKey(request) } },
          body: { version: request.version },
        }),
      ),
    retry,
    onSuccess: (callback) => putCallback(queries, callback),
  });
}

export function useCallback(id: number) {
  return useQuery({
    queryKey: callbackKeys.one(id),
    queryFn: ({ signal }) => read(api.GET("/callbacks/{id}", { params: { path: { id } }, signal })),
  });
}

/** All changes of a callback, oldest first; read again with each change. */
export function useHistory(id: number) {
  return useQuery({
    queryKey: callbackKeys.history(id),
    queryFn: async ({ signal }) =>
      (await read(api.GET("/callbacks/{id}/history", { params: { path: { id } }, signal }))).items,
    staleTime: 0,
  });
}

import type { Callback } from "../api/types";

/** Whether the caller asked for the callback: that makes one, or adds to one that an agent had registered. */
export function askedByCaller(callback: Pick<Callback, "origin" | "requests">): boolean {
  return callback.origin === "automatic" || callback.requests > 1;
}

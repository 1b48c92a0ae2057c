import { type QueryClient, queryOptions } from "@tanstack/react-query";
import { api, read } from "../api/client";
import type { Callback, Recording } from "../api/types";

/** The recordings of a callback's call. They come with the call's end and later, so they are read again with recording. */
export function recordingsOf(callback: Pick<Callback, "request_id" | "recording">) {
  const { request_id, recording } = callback;
  return queryOptions({
    queryKey: ["recordings", "list", request_id, recording],
    queryFn: async ({ signal }) =>
      (await read(api.GET("/calls/{request_id}/recordings", { params: { path: { request_id } }, signal }))).items,
  });
}

export function waveformOf(recording: number) {
  return queryOptions({
    queryKey: ["recordings", "waveform", recording],
    queryFn: ({ signal }) =>
      read(api.GET("/recordings/{id}/waveform", { params: { path: { id: recording } }, signal })),
  });
}

/** Whether a recording may still come to be played. */
export function isAwaited({ state }: Pick<Recording, "state">): boolean {
  return state === "expected" || state === "growing";
}

/** Chooses what belongs to a callback: the message that asked for it, then the recordings of the call itself. */
export function belongingTo(callback: Pick<Callback, "id">, recordings: readonly Recording[]): Recording[] {
  const messages = recordings.filter((r) => r.kind === "message" && r.callback_id === callback.id);
  return [...messages, ...recordings.filter((r) => r.kind === "call")];
}

/** The recording that the row of a callback plays; null when there is none to play. */
export async function playableOf(queries: QueryClient, callback: Callback): Promise<Recording | null> {
  const all = belongingTo(callback, await queries.fetchQuery({ ...recordingsOf(callback), staleTime: 10_000 }));
  return all.find((r) => r.state === "ready") ?? null;
}

import type { QueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useSyncExternalStore } from "react";
import type { ChangeEvent } from "../api/types";
import { sessionEnded, watchSession } from "../session/session";
import { RecordCache } from "./cache";
import type { Connection } from "./follower";
import type { Report } from "./hub";
import { type Line, openLine } from "./line";

/** A change, as the tab hears of it. Of all tabs of the browser, one is chosen to notify the user. */
export interface Change {
  event: ChangeEvent;
  chosen: boolean;
}

/** How the event stream is, and when it last had to tell that changes were lost. */
export interface Live {
  connection: Connection;
  reloadedAt: number | null;
}

let live: Live = { connection: "connecting", reloadedAt: null };
const liveWatchers = new Set<() => void>();
const changeWatchers = new Set<(change: Change) => void>();

function become(next: Live): void {
  live = next;
  for (const watch of liveWatchers) watch();
}

/** How the event stream is. */
export function useLive(): Live {
  return useSyncExternalStore(
    (watch) => {
      liveWatchers.add(watch);
      return () => liveWatchers.delete(watch);
    },
    () => live,
  );
}

/** Calls f for each change after the cache has it. */
export function watchChanges(f: (change: Change) => void): () => void {
  changeWatchers.add(f);
  return () => changeWatchers.delete(f);
}

/** The same for the time in which a component is shown. */
export function useChanges(f: (change: Change) => void): void {
  const latest = useRef(f);
  useEffect(() => {
    latest.current = f;
  });
  useEffect(() => watchChanges((change) => latest.current(change)), []);
}

let line: Line | null = null;

/** Tries to connect at once instead of after a while. */
export function connectNow(): void {
  line?.send({ type: "wake" });
}

/** Begins to follow the server's changes for as long as somebody is logged in. */
export function startEvents(queries: QueryClient): void {
  const cache = new RecordCache(queries);
  let account: string | null = null;
  let last: number | null = null;
  let missed = true;
  const follow = () => {
    if (account !== null) line?.send({ type: "follow", account, from: last });
  };
  const receive = (report: Report) => {
    switch (report.type) {
      case "connection":
        // Until the stream is there for the first time, changes may have been missed since the lists were loaded.
        if (report.state === "connecting") missed = true;
        if (report.state === "live" && missed) {
          missed = false;
          cache.reload();
        }
        become({ ...live, connection: report.state });
        if (report.state === "unauthorized") sessionEnded();
        break;
      case "change":
        if (last !== null && report.event.change <= last) break; // heard of already, from another leader
        last = report.event.change;
        cache.apply(report.event);
        for (const watch of changeWatchers) watch(report);
        break;
      case "reload":
        last = null;
        cache.reload();
        become({ ...live, reloadedAt: Date.now() });
        break;
    }
  };
  watchSession((session) => {
    const now = session.state === "in" ? session.me.name : null;
    if (now === account) return;
    account = now;
    if (account === null) return;
    line ??= openLine(receive, follow);
    follow();
  });
  const focus = () => {
    if (document.visibilityState === "visible") line?.send({ type: "focus" });
  };
  window.addEventListener("focus", focus);
  document.addEventListener("visibilitychange", () => {
    focus();
    if (document.visibilityState === "visible") connectNow();
  });
  window.addEventListener("online", connectNow);
  window.addEventListener("offline", () => line?.send({ type: "offline" }));
}

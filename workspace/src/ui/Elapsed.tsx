import { useSyncExternalStore } from "react";
import { useTimes } from "../site/times";

// One clock for all that count seconds.
const watchers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let now = Date.now();

function watch(f: () => void): () => void {
  if (watchers.size === 0) {
    now = Date.now();
    timer = setInterval(() => {
      now = Date.now();
      for (const w of watchers) w();
    }, 1000);
  }
  watchers.add(f);
  return () => {
    watchers.delete(f);
    if (watchers.size === 0) clearInterval(timer);
  };
}

/** How long it is since a time, counting on. */
export function Elapsed({ since }: { since: string }) {
  const times = useTimes();
  const at = useSyncExternalStore(watch, () => now);
  return <span>{times.duration((at - Date.parse(since)) / 1000)}</span>;
}

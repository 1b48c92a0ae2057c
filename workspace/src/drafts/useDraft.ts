import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { useMe } from "../session/session";
import { draftKey, draftsChanged, parseDraft, type Stored, sweepDrafts, watchDrafts } from "./store";

export interface Draft<T> {
  /** What was typed and not saved; null when there is nothing. */
  draft: T | null;
  /** Reads what is stored now, whatever was drawn last. */
  read(): T | null;
  keep(draft: T): void;
  /** To be called once it is saved, or given up. */
  clear(): void;
}

/**
 * What the user typed under a name such as `memo/42` and did not save. It is stored with each change, and other tabs
 * see it.
 *
 *     const memo = useDraft<{ text: string; version: number }>(`memo/${id}`);
 */
export function useDraft<T>(name: string): Draft<T> {
  const key = draftKey(useMe().name, name);
  const text = useSyncExternalStore(watchDrafts, () => localStorage.getItem(key));
  const read = useCallback(() => draftOf<T>(localStorage.getItem(key)), [key]);
  const last = useRef<{ text: string | null; draft: T | null }>({ text: null, draft: null });
  if (last.current.text !== text) last.current = { text, draft: draftOf<T>(text) };
  const store = useCallback(
    (draft: T) => {
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), draft } satisfies Stored<T>));
      draftsChanged();
    },
    [key],
  );
  const clear = useCallback(() => {
    localStorage.removeItem(key);
    draftsChanged();
  }, [key]);
  useEffect(() => sweepDrafts(), []);
  return { draft: last.current.draft, read, keep: store, clear };
}

function draftOf<T>(text: string | null): T | null {
  return (parseDraft(text)?.draft ?? null) as T | null;
}

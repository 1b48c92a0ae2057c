import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";
import { useMe } from "../session/session";

// Drafts lie in the browser's own store, so that neither a reload nor a crash nor a session that ends takes them away.
// They are an account's: on a shared machine nobody meets somebody else's.
const prefix = "callbackd.draft.";

/** How long a draft that nobody came back to is kept, in milliseconds. */
const keep = 30 * 24 * 60 * 60_000;

interface Stored<T> {
  at: number;
  draft: T;
}

const watchers = new Set<() => void>();

function changed(): void {
  for (const watch of watchers) watch();
}

function subscribe(watch: () => void): () => void {
  watchers.add(watch);
  window.addEventListener("storage", watch);
  return () => {
    watchers.delete(watch);
    window.removeEventListener("storage", watch);
  };
}

function keysOf(account: string): string[] {
  const own = `${prefix}${account}/`;
  return Object.keys(localStorage).filter((key) => key.startsWith(own));
}

/** Removes all drafts of an account: it logs out on purpose. */
export function clearDrafts(account: string): void {
  for (const key of keysOf(account)) localStorage.removeItem(key);
  changed();
}

/** Removes what is too old, of whomever, so that the store never fills up. */
export function sweepDrafts(now = Date.now()): void {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(prefix)) continue;
    const stored = parse(localStorage.getItem(key));
    if (stored === null || now - stored.at > keep) localStorage.removeItem(key);
  }
}

function parse(text: string | null): Stored<unknown> | null {
  try {
    const stored: unknown = JSON.parse(text ?? "null");
    return typeof stored === "object" &&
      stored !== null &&
      "at" in stored &&
      typeof stored.at === "number" &&
      "draft" in stored
      ? (stored as Stored<unknown>)
      : null;
  } catch {
    return null;
  }
}

export interface Draft<T> {
  /** What was typed and not saved; null when there is nothing. */
  draft: T | null;
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
  const key = `${prefix}${useMe().name}/${name}`;
  const text = useSyncExternalStore(subscribe, () => localStorage.getItem(key));
  const last = useRef<{ text: string | null; draft: T | null }>({ text: null, draft: null });
  if (last.current.text !== text) last.current = { text, draft: (parse(text)?.draft ?? null) as T | null };
  const store = useCallback(
    (draft: T) => {
      localStorage.setItem(key, JSON.stringify({ at: Date.now(), draft } satisfies Stored<T>));
      changed();
    },
    [key],
  );
  const clear = useCallback(() => {
    localStorage.removeItem(key);
    changed();
  }, [key]);
  useEffect(() => sweepDrafts(), []);
  return { draft: last.current.draft, keep: store, clear };
}

/** Whether the account has drafts, asked before it logs out. */
export function hasDrafts(account: string): boolean {
  return keysOf(account).length > 0;
}

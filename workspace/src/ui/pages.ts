import { useMemo, useSyncExternalStore } from "react";

// Cursors of the pages before lie in the session's store: a reload may still go back.
const storageKey = "callbackd.pages";

/** How many lists' cursors are kept. */
const mostLists = 20;

const watchers = new Set<() => void>();

type Stored = [list: string, cursors: (string | null)[]][];

function stored(): Stored {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey) ?? "[]") as Stored;
  } catch {
    return [];
  }
}

/** Returns the known cursors of a list's pages with one more; what was known of the pages after it is forgotten. */
export function withCursor(known: (string | null)[], page: number, cursor: string): (string | null)[] {
  const cursors = known.slice(0, page - 1);
  while (cursors.length < page - 1) cursors.push(null);
  return [...cursors, cursor];
}

export interface Pages {
  /** The cursor of a page that was visited before; null when it is not known. The first page needs none. */
  cursorOf(page: number): string | null;
  /** Remembers where a page begins. */
  remember(page: number, cursor: string): void;
}

/**
 * Remembers where the pages of a list begin. A keyset's cursor leads only forward, so the way back is what was seen on
 * the way there. list says which list it is: its filters, order and page size.
 */
export function usePages(list: string): Pages {
  const raw = useSyncExternalStore(
    (watch) => {
      watchers.add(watch);
      return () => watchers.delete(watch);
    },
    () => sessionStorage.getItem(storageKey),
  );
  return useMemo(() => {
    const known = raw === null ? [] : (stored().find(([l]) => l === list)?.[1] ?? []);
    return {
      cursorOf: (page) => known[page - 1] ?? null,
      remember: (page, cursor) => {
        const others = stored().filter(([l]) => l !== list);
        const all: Stored = [[list, withCursor(known, page, cursor)], ...others];
        sessionStorage.setItem(storageKey, JSON.stringify(all.slice(0, mostLists)));
        for (const watch of watchers) watch();
      },
    };
  }, [raw, list]);
}

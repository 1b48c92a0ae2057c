// Drafts lie in the browser's own store, so that neither a reload nor a crash nor a session that ends takes them away.
// They are an account's: on a shared machine nobody meets somebody else's.
const prefix = "callbackd.draft.";

/** How long a draft that nobody came back to is kept, in milliseconds. */
const keep = 30 * 24 * 60 * 60_000;

/** A draft as it is stored, and when it was. */
export interface Stored<T> {
  at: number;
  draft: T;
}

const watchers = new Set<() => void>();

/** Tells whoever shows drafts that one is another now; other tabs hear of it by themselves. */
export function draftsChanged(): void {
  for (const watch of watchers) watch();
}

/** Calls watch when a draft changes, here or in another tab. */
export function watchDrafts(watch: () => void): () => void {
  watchers.add(watch);
  window.addEventListener("storage", watch);
  return () => {
    watchers.delete(watch);
    window.removeEventListener("storage", watch);
  };
}

/** Under what a draft of an account is stored. */
export function draftKey(account: string, name: string): string {
  return `${prefix}${account}/${name}`;
}

function keysOf(account: string): string[] {
  const own = draftKey(account, "");
  return Object.keys(localStorage).filter((key) => key.startsWith(own));
}

/** Removes all drafts of an account: it logs out on purpose. */
export function clearDrafts(account: string): void {
  for (const key of keysOf(account)) localStorage.removeItem(key);
  draftsChanged();
}

/** Whether the account has drafts, asked before it logs out. */
export function hasDrafts(account: string): boolean {
  return keysOf(account).length > 0;
}

/** Removes what is too old, of whomever, so that the store never fills up. */
export function sweepDrafts(now = Date.now()): void {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(prefix)) continue;
    const stored = parseDraft(localStorage.getItem(key));
    if (stored === null || now - stored.at > keep) localStorage.removeItem(key);
  }
}

/** What is stored as a draft; null for what is none. */
export function parseDraft(text: string | null): Stored<unknown> | null {
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

import { api, read } from "../api/client";
import type { Callback, ChangeEvent, Me } from "../api/types";

/** What there is to tell the user about. */
export interface Notice {
  kind: "registered" | "assigned";
  callback: Callback;
}

/** Who did what, as the history of a callback says. */
export interface HistoryEntry {
  version: number;
  at: string;
  by: string;
  changes: readonly { field: string; to: string | null }[];
}

/** A change that is older than this, in milliseconds, as after a night's sleep, is no news. */
const news = 120_000;

/** Tells whether `sato (token:crm)`, or `sato`, is an account. */
export function isBy(by: string, account: string): boolean {
  return by === account || by.startsWith(`${account} (`);
}

/**
 * Decides what of the changes a person is told about: each new callback, and each that somebody else gave them. Once
 * each, however often the record changes.
 */
export class Notifier {
  private readonly told = new Set<string>();
  /** Whose a callback was when it was last heard of. */
  private readonly assignees = new Map<number, string | null>();

  constructor(
    private readonly me: Pick<Me, "name">,
    private readonly historyOf: (id: number) => Promise<readonly HistoryEntry[]> = readHistory,
    private readonly now: () => number = Date.now,
  ) {}

  /** Takes note of a change that another tab tells about. */
  note(event: ChangeEvent): void {
    if (!event.callback) return;
    this.assignees.set(event.callback.id, event.callback.assignee);
    this.told.add(`registered ${event.callback.id}`);
  }

  /** Returns what a change is worth telling, if anything. */
  async noticeOf(event: ChangeEvent): Promise<Notice | null> {
    const callback = event.callback;
    if (!callback) return null;
    const before = this.assignees.get(callback.id);
    this.assignees.set(callback.id, callback.assignee);
    if (this.now() - Date.parse(event.at) > news) return null;
    if (callback.assignee === this.me.name && before !== this.me.name) {
      const version = await this.assignedToMeByAnother(callback);
      if (version !== null && this.isNew(`assigned ${callback.id} ${version}`)) return { kind: "assigned", callback };
    }
    const registered = this.now() - Date.parse(callback.registered_at) <= news;
    if (registered && !isBy(callback.registered_by, this.me.name) && this.isNew(`registered ${callback.id}`)) {
      return { kind: "registered", callback };
    }
    return null;
  }

  /** Takes note that a callback is told about; false when it was before. */
  private isNew(what: string): boolean {
    if (this.told.has(what)) return false;
    this.told.add(what);
    return true;
  }

  /** Returns the version with which somebody else made the callback mine, as its history says; null when nobody did. */
  private async assignedToMeByAnother(callback: Callback): Promise<number | null> {
    try {
      const entries = await this.historyOf(callback.id);
      const last = entries.findLast((e) => e.changes.some((c) => c.field === "assignee"));
      const mine = last?.changes.some((c) => c.field === "assignee" && c.to === this.me.name);
      if (!last || !mine || isBy(last.by, this.me.name) || this.now() - Date.parse(last.at) > news) return null;
      return last.version;
    } catch {
      return null; // it is on the page all the same
    }
  }
}

async function readHistory(id: number): Promise<readonly HistoryEntry[]> {
  return (await read(api.GET("/callbacks/{id}/history", { params: { path: { id } } }))).items;
}

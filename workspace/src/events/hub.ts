import type { ChangeEvent } from "../api/types";
import { type Connection, Follower, type Timing, usualTiming } from "./follower";

/** What a tab tells the hub. */
export type Request =
  /** from is the number of the last change that the tab heard of, in case the hub knows less. */
  | { type: "follow"; account: string; from: number | null }
  | { type: "stop" }
  | { type: "focus" }
  | { type: "offline" }
  | { type: "wake" };

/** What the hub tells tabs. Of all tabs that get a change, one is chosen to notify the user. */
export type Report =
  | { type: "connection"; state: Connection }
  | { type: "change"; event: ChangeEvent; chosen: boolean }
  | { type: "reload" };

/** A tab, as the hub sees it. */
export interface Tab {
  send(report: Report): void;
}

/** The one place that follows the server's changes for all tabs, and hands them out. */
export class Hub {
  /** The tabs, the one that last had the focus at the end. */
  private tabs: Tab[] = [];
  private readonly follower: Follower;

  constructor(timing: Timing = usualTiming) {
    this.follower = new Follower(
      {
        connection: (state) => this.toAll({ type: "connection", state }),
        change: (event) => {
          for (const tab of this.tabs) tab.send({ type: "change", event, chosen: tab === this.tabs.at(-1) });
        },
        reload: () => this.toAll({ type: "reload" }),
      },
      timing,
    );
  }

  /** Adds a tab; it hears at once how the connection is. */
  add(tab: Tab): void {
    this.tabs.unshift(tab);
    tab.send({ type: "connection", state: this.follower.connection() });
  }

  remove(tab: Tab): void {
    this.tabs = this.tabs.filter((t) => t !== tab);
  }

  handle(tab: Tab, request: Request): void {
    switch (request.type) {
      case "follow":
        this.follower.follow(request.account, request.from === null ? null : String(request.from));
        break;
      case "stop":
        this.follower.stop();
        break;
      case "focus":
        this.remove(tab);
        this.tabs.push(tab);
        break;
      case "offline":
        this.follower.offline();
        break;
      case "wake":
        this.follower.wake();
        break;
    }
  }

  private toAll(report: Report): void {
    for (const tab of this.tabs) tab.send(report);
  }
}

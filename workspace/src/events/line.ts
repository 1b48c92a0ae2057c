import { Hub, type Report, type Request, type Tab } from "./hub";

/** A tab's line to the hub. */
export interface Line {
  send(request: Request): void;
}

/** The name of the lock that a tab holds for as long as it is there. */
export function tabLock(tab: string): string {
  return `callbackd.tab.${tab}`;
}

/** Takes the tab's lock and calls ready when it is held. */
function beThere(tab: string, ready: () => void): void {
  void navigator.locks.request(tabLock(tab), () => {
    ready();
    return new Promise<never>(() => {});
  });
}

/**
 * Opens the line to the hub: in a shared worker or, where the browser has none, in one of the tabs. restarted is
 * called whenever there is a hub that does not know the tab yet.
 */
export function openLine(receive: (report: Report) => void, restarted: () => void): Line {
  return typeof SharedWorker === "undefined" ? lineToLeader(receive, restarted) : lineToWorker(receive, restarted);
}

function lineToWorker(receive: (report: Report) => void, restarted: () => void): Line {
  const worker = new SharedWorker(new URL("./worker.ts", import.meta.url), {
    type: "module",
    name: "callbackd events",
  });
  let line: Line = { send: (request) => worker.port.postMessage(request) };
  worker.port.onmessage = (message: MessageEvent<Report>) => receive(message.data);
  worker.onerror = () => {
    // Its script cannot be loaded, as when the server was updated since this page was.
    line = lineToLeader(receive, restarted);
  };
  const tab = crypto.randomUUID();
  beThere(tab, () => {
    worker.port.postMessage({ hello: tab });
    restarted();
  });
  return { send: (request) => line.send(request) };
}

/** What goes over the channel between tabs. */
type Letter =
  | { to: "hub"; tab: string; request: Request }
  | { to: string; report: Report }
  | { to: "all"; leader: true };

/**
 * The line to a hub in that tab which holds the leader's lock. When it goes, the next in the queue for the lock leads,
 * and continues from the last change that it heard of.
 */
function lineToLeader(receive: (report: Report) => void, restarted: () => void): Line {
  const channel = new BroadcastChannel("callbackd.events");
  const me = crypto.randomUUID();
  let own: { hub: Hub; tab: Tab } | null = null;
  const post = (letter: Letter) => channel.postMessage(letter);
  const others = new Map<string, Tab>();
  const other = (hub: Hub, id: string): Tab => {
    const known = others.get(id);
    if (known) return known;
    const tab: Tab = { send: (report) => post({ to: id, report }) };
    others.set(id, tab);
    hub.add(tab);
    void navigator.locks.request(tabLock(id), () => {
      others.delete(id);
      hub.remove(tab);
    });
    return tab;
  };
  channel.onmessage = (message: MessageEvent<Letter>) => {
    const letter = message.data;
    if ("request" in letter) {
      if (own) own.hub.handle(other(own.hub, letter.tab), letter.request);
    } else if ("report" in letter) {
      if (letter.to === me) receive(letter.report);
    } else {
      restarted();
    }
  };
  beThere(me, () => {
    restarted(); // there may be a leader already
    void navigator.locks.request("callbackd.events.leader", () => {
      own = { hub: new Hub(), tab: { send: receive } };
      own.hub.add(own.tab);
      restarted();
      post({ to: "all", leader: true });
      return new Promise<never>(() => {});
    });
  });
  return {
    send: (request) => {
      if (own) own.hub.handle(own.tab, request);
      else post({ to: "hub", tab: me, request });
    },
  };
}

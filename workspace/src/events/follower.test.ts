import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ChangeEvent } from "../api/types";
import { backoff, Follower, usualTiming } from "./follower";

/** A server whose stream the test writes. */
class Server {
  change = 100;
  status = 200;
  /** The Last-Event-ID of each stream that was opened. */
  opened: string[] = [];
  private stream: ReadableStreamDefaultController<Uint8Array> | null = null;

  readonly fetch = vi.fn(async (url: string, init: RequestInit): Promise<Response> => {
    if (this.status === 0) throw new TypeError("network");
    if (this.status !== 200) return new Response(null, { status: this.status });
    if (url.startsWith("/api/v1/callbacks")) return Response.json({ items: [], change: this.change });
    this.opened.push(new Headers(init.headers).get("Last-Event-ID") ?? "");
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.stream = controller;
        init.signal?.addEventListener("abort", () => {
          if (this.stream === controller) this.stream = null;
          controller.error(init.signal?.reason);
        });
      },
    });
    this.write(": connected\n\n");
    return new Response(body);
  });

  write(text: string): void {
    this.stream?.enqueue(new TextEncoder().encode(text));
  }

  event(change: number): void {
    this.write(`id: ${change}\nevent: call\ndata: {"change":${change},"at":"2026-11-20T00:00:00Z"}\n\n`);
  }

  cut(): void {
    this.stream?.close();
    this.stream = null;
  }
}

let server: Server;
let seen: (number | string)[];

function follower(): Follower {
  return new Follower({
    connection: (state) => seen.push(state),
    change: (event: ChangeEvent) => seen.push(event.change),
    reload: () => seen.push("reload"),
  });
}

/** Lets everything that is due happen. */
const settle = (time = 0) => vi.advanceTimersByTimeAsync(time);

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  seen = [];
  vi.stubGlobal("fetch", server.fetch);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a cut stream is resumed after the last change", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  server.event(101);
  server.event(102);
  await settle();
  server.cut();
  await settle(usualTiming.longestWait);
  server.event(103);
  await settle();
  expect(seen).toEqual(["live", 101, 102, "lost", "live", 103]);
  expect(server.opened).toEqual(["100", "102"]);
});

test("a stream that is cut before its first change is resumed where it began", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  server.change = 200;
  server.cut();
  await settle(usualTiming.longestWait);
  expect(server.opened).toEqual(["100", "100"]);
});

test("silence is taken for a dead connection", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  for (let i = 0; i < 10; i++) {
    await settle(15_000);
    server.write(": heartbeat\n\n");
  }
  await settle();
  expect(seen).toEqual(["live"]);
  await settle(usualTiming.silence + usualTiming.longestWait);
  expect(seen).toEqual(["live", "lost", "live"]);
});

test("a server that is away is sought again, and found as soon as the network is back", async () => {
  const f = follower();
  server.status = 0;
  f.follow("sato");
  await settle(120_000);
  expect(seen).toEqual(["lost"]);
  const attempts = server.fetch.mock.calls.length;
  expect(attempts).toBeGreaterThan(5);
  expect(attempts).toBeLessThan(40);
  server.status = 200;
  f.wake();
  await settle();
  expect(seen).toEqual(["lost", "live"]);
});

test("going offline shows at once", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  f.offline();
  expect(seen).toEqual(["live", "lost"]);
});

test("an ended session is not sought again until somebody logs in", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  server.event(101);
  await settle();
  server.status = 401;
  server.cut();
  await settle(60_000);
  expect(seen).toEqual(["live", 101, "lost", "unauthorized"]);
  const attempts = server.fetch.mock.calls.length;
  await settle(60_000);
  expect(server.fetch.mock.calls.length).toBe(attempts);
  server.status = 200;
  f.follow("sato");
  await settle();
  expect(server.opened.at(-1)).toBe("101"); // nothing was missed meanwhile
  expect(seen.at(-1)).toBe("live");
});

test("another account begins where the server is now", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  server.change = 300;
  f.follow("suzuki");
  await settle();
  expect(server.opened).toEqual(["100", "300"]);
});

test("changes that the server has no more are told", async () => {
  const f = follower();
  f.follow("sato");
  await settle();
  server.write('id: 500\nevent: reload_required\ndata: {"change":500}\n\n');
  await settle();
  expect(seen).toEqual(["live", "reload"]);
  expect(f.lastChange()).toBe("500");
});

test("attempts become rarer, and are spread", () => {
  const least = [0, 1, 5, 50].map((n) => backoff(n, usualTiming, () => 0));
  const most = [0, 1, 5, 50].map((n) => backoff(n, usualTiming, () => 1));
  expect(least).toEqual([250, 500, 7_500, 7_500]);
  expect(most).toEqual([500, 1_000, 15_000, 15_000]);
});

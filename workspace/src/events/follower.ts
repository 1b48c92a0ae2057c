import type { ChangeEvent } from "../api/types";
import { newFrameReader } from "./sse";

/**
 * How the stream is. `connecting`: it was not there yet. `lost`: it is not there, and sought again. `unauthorized`: the
 * session has ended; it is not sought again until follow is called.
 */
export type Connection = "connecting" | "live" | "lost" | "unauthorized";

export interface Listener {
  connection(state: Connection): void;
  change(event: ChangeEvent): void;
  /** Changes were lost: what was loaded before is to be loaded anew. */
  reload(): void;
}

/** Times in milliseconds. */
export interface Timing {
  /** After how long without a byte the connection is taken for dead; the server's heartbeat comes every 15 s. */
  silence: number;
  /** The first and the longest wait before the stream is sought again; half of it is random, see backoff. */
  firstWait: number;
  longestWait: number;
  /** How often it is looked whether the machine slept. */
  watch: number;
}

export const usualTiming: Timing = { silence: 35_000, firstWait: 500, longestWait: 15_000, watch: 5_000 };

/** How long to wait before attempt n (from 0). Half is random, so that not all browsers of a site come at once. */
export function backoff(n: number, timing: Timing, random: () => number = Math.random): number {
  const longest = Math.min(timing.firstWait * 2 ** n, timing.longestWait);
  return longest / 2 + (random() * longest) / 2;
}

const api = "/api/v1";

/**
 * Follows the server's changes over one connection, and seeks it again for as long as it takes. Each change is
 * reported once, in order and without a gap, or else reload is.
 */
export class Follower {
  private account: string | null = null;
  private position: string | null = null;
  private state: Connection = "connecting";
  private running: AbortController | null = null;
  private lastByte = 0;
  private wakeUp: () => void = () => {};

  constructor(
    private readonly listener: Listener,
    private readonly timing: Timing = usualTiming,
  ) {
    let before = Date.now();
    setInterval(() => {
      // Timers stand still while the machine sleeps.
      if (Date.now() - before > 3 * timing.watch) this.wake();
      before = Date.now();
    }, timing.watch);
  }

  connection(): Connection {
    return this.state;
  }

  /** The number of the last change that was reported; null before the first connection. */
  lastChange(): string | null {
    return this.position;
  }

  /**
   * Begins to follow for an account, or goes on after its session was renewed. from continues where another follower
   * ended.
   */
  follow(account: string, from: string | null = null): void {
    if (this.account === account && this.running !== null) return;
    if (this.account !== account) {
      this.position = from;
      this.become("connecting");
    }
    this.account = account;
    this.running?.abort();
    this.running = new AbortController();
    void this.run(this.running.signal);
  }

  /** Stops for good, when the account logs out. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    this.account = null;
    this.position = null;
  }

  /** Says that the network is gone, which a dead connection would show only after a while. */
  offline(): void {
    if (this.state === "live") this.become("lost");
  }

  /** Says that the machine woke or the network is back: nothing is waited for. */
  wake(): void {
    this.wakeUp();
  }

  private become(state: Connection): void {
    if (this.state === state) return;
    this.state = state;
    this.listener.connection(state);
  }

  private async run(stop: AbortSignal): Promise<void> {
    for (let attempt = 0; !stop.aborted; attempt++) {
      const began = Date.now();
      try {
        await this.connect(stop);
        if (Date.now() - began > this.timing.longestWait) attempt = -1;
      } catch (error) {
        if (error instanceof Unauthorized) {
          if (this.running?.signal === stop) this.running = null;
          if (!stop.aborted) this.become("unauthorized");
          return;
        }
        // Anything else may be over soon.
      }
      if (stop.aborted) return;
      // A first attempt that fails may be the moment of a login; a second is not.
      if (this.state === "live" || attempt > 0) this.become("lost");
      if (await this.wait(backoff(Math.max(attempt, 0), this.timing), stop)) attempt = -1;
    }
  }

  /** Waits, and returns true when it was woken instead. */
  private wait(time: number, stop: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const done = (woken: boolean) => {
        clearTimeout(timer);
        this.wakeUp = () => {};
        stop.removeEventListener("abort", onStop);
        resolve(woken);
      };
      const onStop = () => done(false);
      const timer = setTimeout(() => done(false), time);
      this.wakeUp = () => done(true);
      stop.addEventListener("abort", onStop);
    });
  }

  /** Reads one connection until it ends. */
  private async connect(stop: AbortSignal): Promise<void> {
    const cut = new AbortController();
    const signal = AbortSignal.any([stop, cut.signal]);
    this.lastByte = Date.now();
    const silence = setInterval(() => {
      if (Date.now() - this.lastByte > this.timing.silence) cut.abort();
    }, this.timing.silence / 10);
    // A connection that slept may be dead without saying so; a fresh one is certain.
    this.wakeUp = () => {
      if (this.state !== "live" || Date.now() - this.lastByte > this.timing.silence / 2) cut.abort();
    };
    try {
      this.position ??= await this.presentChange(signal);
      const response = await fetch(`${api}/events`, {
        headers: { Accept: "text/event-stream", "Last-Event-ID": this.position },
        cache: "no-store",
        signal,
      });
      if (response.status === 401) throw new Unauthorized();
      if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
      await this.readStream(response.body, signal);
    } finally {
      clearInterval(silence);
      this.wakeUp = () => {};
      cut.abort();
    }
  }

  /**
   * Asks for the number of the newest change, from which the stream is followed. Without it, a stream that is cut before
   * its first event could not be resumed.
   */
  private async presentChange(signal: AbortSignal): Promise<string> {
    const response = await fetch(`${api}/callbacks?page_size=1`, { cache: "no-store", signal });
    if (response.status === 401) throw new Unauthorized();
    if (!response.ok) throw new Error(`status ${response.status}`);
    const { change } = (await response.json()) as { change: number };
    return String(change);
  }

  private async readStream(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const frames = newFrameReader();
    const decoder = new TextDecoder();
    const reader = body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      this.lastByte = Date.now();
      this.become("live");
      for (const frame of frames(decoder.decode(value, { stream: true }))) {
        if (frame.kind === "comment") continue;
        if (frame.event === "reload_required") this.listener.reload();
        else this.listener.change(JSON.parse(frame.data));
        if (frame.id !== null) this.position = frame.id;
      }
    }
  }
}

class Unauthorized extends Error {}

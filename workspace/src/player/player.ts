import { isProblem, ProblemError } from "../api/problem";
import type { Grant, Grants } from "./grants";
import { Heard } from "./heard";

/** `loading`: the grant, or the sound, is awaited. */
export type Status = "stopped" | "loading" | "playing" | "paused";

export interface PlayerState {
  status: Status;
  /** Where playing is, or would begin, in seconds. */
  position: number;
  /** Why it does not play. */
  error: unknown;
}

/** What a player needs of an <audio> element. */
export type Media = Pick<
  HTMLAudioElement,
  | "src"
  | "currentTime"
  | "playbackRate"
  | "paused"
  | "error"
  | "play"
  | "pause"
  | "load"
  | "removeAttribute"
  | "addEventListener"
>;

/** How often, in milliseconds, a grant is renewed while it plays. */
const renewEvery = 30_000;

/** A grant that ends sooner than this, in milliseconds, is not begun with. */
const tooShort = 10_000;

/**
 * Plays one recording. It gets a grant when it is first played, not before: a grant is what makes a receipt. It says
 * which parts were played, and gets another grant when one has ended, where it was.
 */
export class Player {
  private state: PlayerState = { status: "stopped", position: 0, error: null };
  private grant: Grant | null = null;
  private readonly heard = new Heard();
  private readonly watchers = new Set<() => void>();
  private renewing: ReturnType<typeof setInterval> | null = null;
  /** Counts what the user asked for, so that an answer to what they no longer want is dropped. */
  private wish = 0;
  /** Whether the grant has been replaced once without any sound since. */
  private tried = false;

  constructor(
    readonly recording: number,
    readonly media: Media,
    private readonly grants: Grants,
    private readonly now: () => number = Date.now,
  ) {
    media.addEventListener("playing", () => this.onPlaying());
    media.addEventListener("waiting", () => this.state.status === "playing" && this.become({ status: "loading" }));
    media.addEventListener("pause", () => this.onPause());
    media.addEventListener("ended", () => this.stop());
    media.addEventListener("seeking", () => this.heard.cut());
    media.addEventListener("timeupdate", () => this.onTime());
    media.addEventListener("error", () => void this.onError());
  }

  getState = (): PlayerState => this.state;

  subscribe = (watch: () => void): (() => void) => {
    this.watchers.add(watch);
    return () => this.watchers.delete(watch);
  };

  /** Plays from where it is. */
  async play(): Promise<void> {
    const wish = ++this.wish;
    this.tried = false;
    this.become({ status: "loading", error: null });
    await this.begin(wish);
  }

  pause(): void {
    this.wish++;
    this.media.pause();
    if (this.state.status !== "stopped") this.become({ status: "paused" });
  }

  /** Ends playing, and lets go of the sound. The next time it plays from the beginning. */
  stop(): void {
    this.wish++;
    this.media.pause();
    this.report();
    this.unload();
    this.become({ status: "stopped", position: 0 });
  }

  seek(seconds: number): void {
    const position = Math.max(0, Math.min(seconds, this.grant?.duration_seconds ?? seconds));
    this.heard.cut();
    if (this.media.src !== "") this.media.currentTime = position;
    this.become({ position });
  }

  setRate(rate: number): void {
    this.media.playbackRate = rate;
  }

  /** Says what was played before the page goes. */
  leave(): void {
    const parts = this.heard.take();
    if (this.grant !== null && parts.length > 0) this.grants.leave(this.grant.grant, parts);
  }

  private become(change: Partial<PlayerState>): void {
    this.state = { ...this.state, ...change };
    for (const watch of this.watchers) watch();
  }

  private async begin(wish: number): Promise<void> {
    try {
      if (this.grant === null || Date.parse(this.grant.expires_at) - this.now() < tooShort) {
        const grant = await this.grants.begin(this.recording);
        if (wish !== this.wish) return;
        this.load(grant);
      }
      await this.media.play();
    } catch (error) {
      if (wish !== this.wish) return;
      // The browser rejects play when pause came before it, or with the cause that onError hears too; or because nobody
      // has clicked yet, when another page asked for it. Then a click on play plays it.
      if (!(error instanceof DOMException)) this.fail(error);
      else if (error.name === "NotAllowedError") this.become({ status: "paused" });
    }
  }

  private load(grant: Grant): void {
    const rate = this.media.playbackRate;
    this.grant = grant;
    this.media.src = grant.url;
    // Before anything is loaded, this is where loading begins.
    this.media.currentTime = this.state.position;
    this.media.playbackRate = rate;
    this.renewing ??= setInterval(() => this.state.status === "playing" && this.report(), renewEvery);
  }

  private unload(): void {
    if (this.renewing !== null) clearInterval(this.renewing);
    this.renewing = null;
    this.grant = null;
    if (this.media.src === "") return;
    this.media.removeAttribute("src");
    this.media.load();
  }

  private onPlaying(): void {
    this.heard.at(this.media.currentTime);
    this.become({ status: "playing" });
  }

  private onPause(): void {
    this.report();
    if (this.state.status === "playing") this.become({ status: "paused" });
  }

  private onTime(): void {
    if (this.grant === null) return;
    if (!this.media.paused && this.state.status === "playing") {
      this.heard.at(this.media.currentTime);
      this.tried = false;
    }
    if (this.media.currentTime !== this.state.position) this.become({ position: this.media.currentTime });
  }

  /** The sound was cut: by a grant that ended, more often than by what a new one would not help. */
  private async onError(): Promise<void> {
    if (this.media.error === null || this.grant === null) return;
    this.report();
    this.unload();
    if (this.state.status === "paused") return;
    if (this.tried) return this.fail(new PlaybackError());
    this.tried = true;
    this.become({ status: "loading" });
    await this.begin(this.wish);
  }

  private fail(error: unknown): void {
    this.unload();
    this.become({ status: "paused", error });
  }

  /** Renews the grant with what was played. A grant that has ended is forgotten: the next play gets another. */
  private report(): void {
    const { grant } = this;
    if (grant === null) return;
    const parts = this.heard.take();
    if (parts.length === 0) return;
    this.grants.renew(grant.grant, parts).then(
      (expires_at) => {
        if (this.grant === grant) this.grant = { ...grant, expires_at };
      },
      (error) => {
        if (isProblem(error, "playback_expired") || isProblem(error, "playback_not_found")) {
          if (this.grant === grant) this.grant = { ...grant, expires_at: new Date(0).toISOString() };
        } else if (!(error instanceof ProblemError)) {
          this.heard.untake(parts);
        }
      },
    );
  }
}

/** The browser could not play what the server sent. */
export class PlaybackError extends Error {}

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ProblemError } from "../api/problem";
import type { Grant, Grants } from "./grants";
import { Heard, type Part } from "./heard";
import { type Media, Player } from "./player";

/** An audio element that plays what it is told to. */
class FakeMedia extends EventTarget {
  src = "";
  currentTime = 0;
  playbackRate = 1;
  paused = true;
  error: MediaError | null = null;

  async play() {
    this.paused = false;
    this.dispatchEvent(new Event("playing"));
  }

  pause() {
    if (this.paused) return;
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  load() {}

  removeAttribute() {
    this.src = "";
  }

  to(...positions: number[]) {
    for (const position of positions) {
      this.currentTime = position;
      this.dispatchEvent(new Event("timeupdate"));
    }
  }

  fail() {
    this.error = { code: 2 } as MediaError;
    this.paused = true;
    this.dispatchEvent(new Event("error"));
    this.error = null;
  }
}

class FakeGrants implements Grants {
  begun = 0;
  reported: Part[][] = [];
  refusal: Error | null = null;
  lasts = 60_000;

  async begin(): Promise<Grant> {
    if (this.refusal) throw this.refusal;
    const grant = `grant${++this.begun}`;
    const expires_at = new Date(Date.now() + this.lasts).toISOString();
    return { grant, url: `/api/v1/playback/${grant}`, expires_at, duration_seconds: 60 };
  }

  async renew(_grant: string, heard: Part[]) {
    this.reported.push(heard);
    return new Date(Date.now() + this.lasts).toISOString();
  }

  leave(_grant: string, heard: Part[]) {
    this.reported.push(heard);
  }
}

function problem(code: string, status: number): ProblemError {
  return new ProblemError({ type: "about:blank", title: "", status, code, detail: code }, null);
}

let media: FakeMedia;
let grants: FakeGrants;
let player: Player;

beforeEach(() => {
  vi.useFakeTimers();
  media = new FakeMedia();
  grants = new FakeGrants();
  player = new Player(18, media as unknown as Media, grants);
});
afterEach(() => vi.useRealTimers());

test("a grant is asked for when it is played, not before", async () => {
  player.seek(30);
  expect(grants.begun).toBe(0);
  await player.play();
  expect(grants.begun).toBe(1);
  expect(media.currentTime).toBe(30);
  expect(player.getState()).toEqual({ status: "playing", position: 30, error: null });
});

test("pausing and going on keeps the grant; one that has ended is replaced, at the same place", async () => {
  await player.play();
  media.to(1, 2);
  player.pause();
  await player.play();
  expect(grants.begun).toBe(1);
  player.pause();
  await vi.advanceTimersByTimeAsync(10 * 60_000);
  await player.play();
  expect(grants.begun).toBe(2);
  expect(media.currentTime).toBe(2);
});

test("what was played is reported every half minute, and at the end", async () => {
  await player.play();
  media.to(0, 1, 2);
  await vi.advanceTimersByTimeAsync(30_000);
  expect(grants.reported).toEqual([[{ from_seconds: 0, to_seconds: 2 }]]);
  media.to(3);
  media.dispatchEvent(new Event("seeking"));
  media.to(40, 41);
  player.stop();
  expect(grants.reported[1]).toEqual([
    { from_seconds: 2, to_seconds: 3 },
    { from_seconds: 40, to_seconds: 41 },
  ]);
  expect(player.getState()).toMatchObject({ status: "stopped", position: 0 });
  expect(media.src).toBe("");
});

test("sound that is cut goes on by another grant, once", async () => {
  await player.play();
  media.to(5);
  media.fail();
  await vi.advanceTimersByTimeAsync(0);
  expect(grants.begun).toBe(2);
  expect(media.currentTime).toBe(5);
  media.fail();
  await vi.advanceTimersByTimeAsync(0);
  expect(grants.begun).toBe(2);
  expect(player.getState().status).toBe("paused");
  expect(player.getState().error).not.toBe(null);
});

test("a refusal is shown, and playing again asks again", async () => {
  grants.refusal = problem("recording_not_ready", 409);
  await player.play();
  expect(player.getState()).toMatchObject({ status: "paused", error: grants.refusal });
  grants.refusal = null;
  await player.play();
  expect(player.getState()).toMatchObject({ status: "playing", error: null });
});

test("sound that a browser does not begin without a click waits for one", async () => {
  vi.spyOn(media, "play").mockRejectedValueOnce(new DOMException("no click", "NotAllowedError"));
  await player.play();
  expect(player.getState()).toEqual({ status: "paused", position: 0, error: null });
  await player.play();
  expect(player.getState().status).toBe("playing");
  expect(grants.begun).toBe(1);
});

test("stopping while the grant is on its way plays nothing", async () => {
  const playing = player.play();
  player.stop();
  await playing;
  expect(media.paused).toBe(true);
  expect(player.getState().status).toBe("stopped");
});

test("a leap is not heard", () => {
  const heard = new Heard();
  for (const position of [0, 0.25, 0.5, 20, 20.25, 3, 3.333]) heard.at(position);
  expect(heard.take()).toEqual([
    { from_seconds: 0, to_seconds: 0.5 },
    { from_seconds: 20, to_seconds: 20.25 },
    { from_seconds: 3, to_seconds: 3.33 },
  ]);
  expect(heard.take()).toEqual([]);
});

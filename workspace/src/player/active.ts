import { useSyncExternalStore } from "react";
import { grants } from "./grants";
import { Player, type Status } from "./player";

// One recording plays at a time, wherever on the page it was begun.
const players = new Map<number, Player>();
let active: { player: Player; callback: number | null } | null = null;
const watchers = new Set<() => void>();

function changed(): void {
  for (const watch of watchers) watch();
}

const rateKey = "callbackd.playbackRate";
export const rates = [0.75, 1, 1.25, 1.5, 1.75, 2] as const;
export type Rate = (typeof rates)[number];

/** How fast to play: what was chosen last on this machine. */
function chosenRate(): Rate {
  return rates.find((r) => r === Number(localStorage.getItem(rateKey))) ?? 1;
}

/** The player of a recording. Its element is never in the document: it has no controls, no menu and no address to see. */
export function playerOf(recording: number): Player {
  const known = players.get(recording);
  if (known) return known;
  const audio = new Audio();
  audio.preload = "none";
  audio.setAttribute("controlslist", "nodownload noremoteplayback");
  audio.disableRemotePlayback = true;
  const player = new Player(recording, audio, grants);
  player.setRate(chosenRate());
  player.subscribe(changed);
  players.set(recording, player);
  return player;
}

/** Plays a recording on behalf of a callback, if of any; whatever played before pauses. */
export function playFor(callback: number | null, recording: number): Promise<void> {
  const player = playerOf(recording);
  if (active !== null && active.player !== player) active.player.pause();
  active = { player, callback };
  changed();
  return player.play();
}

/** Ends what plays on behalf of a callback. */
export function stopFor(callback: number): void {
  if (active?.callback === callback) active.player.stop();
}

/** The player of what plays, or played last. */
export function useActivePlayer(): Player | null {
  return useSyncExternalStore(subscribe, () => active?.player ?? null);
}

/** Ends whatever plays, as when nobody is logged in any more. */
export function stopAll(): void {
  for (const player of players.values()) player.stop();
}

/** Whether something plays, or is about to, on behalf of a callback. */
export function isActive(callback: number): boolean {
  if (active?.callback !== callback) return false;
  const { status } = active.player.getState();
  return status === "playing" || status === "loading";
}

function subscribe(watch: () => void): () => void {
  watchers.add(watch);
  return () => watchers.delete(watch);
}

/** What the player does on behalf of a callback. */
export function useStatusFor(callback: number): Status {
  return useSyncExternalStore(subscribe, () =>
    active?.callback === callback ? active.player.getState().status : "stopped",
  );
}

export function useRate(): [Rate, (rate: Rate) => void] {
  const rate = useSyncExternalStore(subscribe, chosenRate);
  const set = (next: Rate) => {
    localStorage.setItem(rateKey, String(next));
    for (const player of players.values()) player.setRate(next);
    changed();
  };
  return [rate, set];
}

window.addEventListener("pagehide", () => {
  for (const player of players.values()) player.leave();
});

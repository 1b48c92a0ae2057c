import type { Status } from "../player/player";

/**
 * What there is to hear. `none`: the call has no recording; `not_ready`: none that can be played, (yet); `ready`: one
 * that nobody has begun to play.
 */
export type State = "loading" | "signed_out" | "failed" | "none" | "not_ready" | "ready" | Exclude<Status, "stopped">;

/** What the page around is told. */
export type Message =
  | { type: "callbackd.height"; height: number }
  | {
      type: "callbackd.state";
      state: State;
      /** The recording that is played, or would be; null when there is none. */
      recording: number | null;
      position_seconds: number;
      duration_seconds: number | null;
    };

/** What the page around may ask for. Without a recording, it is the one that the state names. */
export type Command =
  | { type: "callbackd.play"; recording: number | null; position_seconds: number | null }
  | { type: "callbackd.pause" }
  | { type: "callbackd.seek"; recording: number | null; position_seconds: number };

/** Reads a command; null for anything else, which other scripts of the page may send. */
export function commandOf(data: unknown): Command | null {
  if (typeof data !== "object" || data === null) return null;
  const { type, recording = null, position_seconds = null } = data as Record<string, unknown>;
  if (recording !== null && !Number.isSafeInteger(recording)) return null;
  if (position_seconds !== null && !(Number.isFinite(position_seconds) && Number(position_seconds) >= 0)) return null;
  const where = { recording: recording as number | null, position_seconds: position_seconds as number | null };
  switch (type) {
    case "callbackd.play":
      return { type, ...where };
    case "callbackd.pause":
      return { type };
    case "callbackd.seek":
      return where.position_seconds === null ? null : { type, ...where, position_seconds: where.position_seconds };
    default:
      return null;
  }
}

/** The page in whose frame this one is. */
export interface Embedder {
  tell(message: Message): void;
  /** Calls f for each command. */
  listen(f: (command: Command) => void): () => void;
}

/**
 * Talks with the page around, by origin: no other is told anything or obeyed. The content security policy names the
 * same origins, so the page around is of one of them; which, not every browser says, and then each is addressed.
 */
export function embedderOf(page: Window, origins: readonly string[]): Embedder {
  const around = page.location.ancestorOrigins?.[0];
  const addressed = around === undefined ? origins : origins.filter((origin) => origin === around);
  return {
    tell: (message) => {
      if (page.parent === page) return;
      for (const origin of addressed) page.parent.postMessage(message, origin);
    },
    listen: (f) => {
      const onMessage = (event: MessageEvent) => {
        if (event.source !== page.parent || !origins.includes(event.origin)) return;
        const command = commandOf(event.data);
        if (command !== null) f(command);
      };
      page.addEventListener("message", onMessage);
      return () => page.removeEventListener("message", onMessage);
    },
  };
}

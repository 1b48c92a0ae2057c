import { useSyncExternalStore } from "react";
import { api, read, whenUnauthorized } from "../api/client";
import { isProblem } from "../api/problem";
import type { Me } from "../api/types";
import { clearDrafts } from "../drafts/store";
import { tabs } from "./tabs";

/**
 * Whose page this is. `ended`: the session ended while the page was open; what is on it stays, under the login, for
 * the same account.
 */
export type Session =
  | { state: "checking" }
  | { state: "failed"; error: unknown }
  | { state: "out" }
  | { state: "in"; me: Me }
  | { state: "ended"; me: Me };

let current: Session = { state: "checking" };
const watchers = new Set<() => void>();

function become(next: Session): void {
  current = next;
  for (const watch of watchers) watch();
}

function subscribe(watch: () => void): () => void {
  watchers.add(watch);
  return () => watchers.delete(watch);
}

export function useSession(): Session {
  return useSyncExternalStore(subscribe, () => current);
}

/** The account that the page belongs to. For components below the login only. */
export function useMe(): Me {
  const session = useSession();
  if (session.state !== "in" && session.state !== "ended") throw new Error("nobody is logged in");
  return session.me;
}

/** Calls f whenever the session changes. */
export function watchSession(f: (session: Session) => void): () => void {
  f(current);
  return subscribe(() => f(current));
}

/** Finds out whether there is a session. */
export async function checkSession(): Promise<void> {
  try {
    become({ state: "in", me: await read(api.GET("/me")) });
  } catch (error) {
    if (isProblem(error, "unauthorized")) become({ state: "out" });
    else become({ state: "failed", error });
  }
}

/** Logs in. As another account than the page is open for, everything begins anew. */
export async function login(name: string, password: string): Promise<void> {
  const before = current;
  const me = await read(api.POST("/session", { body: { name, password } }));
  tabs.postMessage("entered");
  enter(before, me);
}

function enter(before: Session, me: Me): void {
  if ((before.state === "ended" || before.state === "in") && before.me.name !== me.name) {
    window.location.assign("/");
    return;
  }
  become({ state: "in", me });
}

/** Logs out, on this machine or on all. The page is loaded anew, so that nothing of the account stays in memory. */
export async function logout(where: "here" | "everywhere"): Promise<void> {
  const answer = where === "everywhere" ? await api.DELETE("/me/sessions") : await api.DELETE("/session");
  await read(Promise.resolve(answer));
  const session = current;
  if (session.state === "in" || session.state === "ended") clearDrafts(session.me.name);
  tabs.postMessage("left");
  // Who logged in elsewhere logs out there too, and is sent back.
  window.location.assign(answer.response.headers.get("X-Callbackd-Logout") ?? "/");
}

/** Says that the server does not know the session any more. */
export function sessionEnded(): void {
  if (current.state === "in") become({ state: "ended", me: current.me });
}

/** Begins to follow the session, in this tab and the others. */
export function startSession(): void {
  whenUnauthorized(sessionEnded);
  tabs.addEventListener("message", async (message) => {
    if (message.data === "left") {
      window.location.assign("/");
      return;
    }
    const before = current;
    try {
      enter(before, await read(api.GET("/me")));
    } catch {
      // Without a session, whenUnauthorized has been told; without an answer, the tab goes on as it was.
    }
  });
  void checkSession();
}

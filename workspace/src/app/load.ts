/** How long to wait, in milliseconds, before a part of the page is asked for again. */
const pause = 1_000;

/** Whether the server answers at all; that a proxy says it is away is no answer. */
async function answers(): Promise<boolean> {
  try {
    return (await fetch("/", { method: "HEAD", cache: "no-store" })).status < 500;
  } catch {
    return false;
  }
}

/**
 * Loads a part of the page by import(). While the server is away, as when the network is cut or the daemon restarts, it
 * tries again until it is back; that it is away, the banner says. Rejects when the server is there and has no such part,
 * as after an update.
 */
export async function load<T>(part: () => Promise<T>, isThere = answers, wait = pause): Promise<T> {
  for (let refused = false; ; ) {
    try {
      return await part();
    } catch (error) {
      const there = await isThere();
      if (there && refused) throw error;
      refused = there; // it may have come back just now
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

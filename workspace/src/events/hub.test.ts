import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Hub, type Report, type Tab } from "./hub";

let write: (text: string) => void;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("fetch", async (url: string) => {
    if (url.startsWith("/api/v1/callbacks")) return Response.json({ items: [], change: 1 });
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        write = (text) => controller.enqueue(new TextEncoder().encode(text));
        write(": connected\n\n");
      },
    });
    return new Response(body);
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function tab(): Tab & { got: Report[] } {
  const got: Report[] = [];
  return { got, send: (report) => got.push(report) };
}

test("every tab hears of a change, and the one last looked at notifies", async () => {
  const hub = new Hub();
  const tabs = [tab(), tab(), tab()];
  for (const t of tabs) hub.add(t);
  const [first, second, third] = tabs;
  if (!first || !second || !third) throw new Error("no tabs");
  hub.handle(first, { type: "follow", account: "sato", from: null });
  hub.handle(second, { type: "focus" });
  await vi.advanceTimersByTimeAsync(0);
  const chosen = async (change: number) => {
    write(`id: ${change}\nevent: call\ndata: {"change":${change}}\n\n`);
    await vi.advanceTimersByTimeAsync(0);
    return tabs.map((t) => {
      const last = t.got.at(-1);
      return last?.type === "change" && last.event.change === change ? last.chosen : null;
    });
  };
  expect(await chosen(2)).toEqual([false, true, false]);
  hub.handle(third, { type: "focus" });
  expect(await chosen(3)).toEqual([false, false, true]);
  hub.remove(third);
  expect(await chosen(4)).toEqual([false, true, null]);
});

test("a tab that comes later knows at once how the connection is", async () => {
  const hub = new Hub();
  const first = tab();
  hub.add(first);
  hub.handle(first, { type: "follow", account: "sato", from: null });
  await vi.advanceTimersByTimeAsync(0);
  const second = tab();
  hub.add(second);
  expect(second.got).toEqual([{ type: "connection", state: "live" }]);
});

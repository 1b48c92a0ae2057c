import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, configure, render, screen, waitFor } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { newQueryClient } from "../api/queries";
import { tabs } from "../session/tabs";
import EmbeddedPlayer from "./EmbeddedPlayer";
import type { Message } from "./embedder";

configure({ asyncUtilTimeout: 15_000 });
vi.setConfig({ testTimeout: 60_000 });
afterEach(cleanup);

/** Shows the player while the server's lists of recordings are these, one after another, the last ever after. */
function show(...answers: { status: number; body: object }[]) {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    if (!request.url.endsWith("/recordings")) return new Response("{}", { status: 404 });
    asked.push(new URL(request.url).pathname);
    const { status, body } = (answers.length > 1 ? answers.shift() : answers[0]) ?? { status: 500, body: {} };
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  });
  const told: Message[] = [];
  const embedder = { tell: (message: Message) => told.push(message), listen: () => () => {} };
  render(
    <MantineProvider>
      <QueryClientProvider client={newQueryClient()}>
        <EmbeddedPlayer requestID="r6q4" embedder={embedder} />
      </QueryClientProvider>
    </MantineProvider>,
  );
  const state = () => told.findLast((m) => m.type === "callbackd.state")?.state;
  return { asked, state };
}

const refused = (status: number, code: string) => ({
  status,
  body: { type: "about:blank", title: "-", status, code, detail: `told ${code}` },
});
const list = (...items: object[]) => ({ status: 200, body: { items, next_cursor: null } });
const recording = { id: 18, request_id: "r6q4", kind: "call", callback_id: null, found_at: null, duration_seconds: 5 };

test("a call without recordings has none, yet", async () => {
  const { asked, state } = show(list());
  expect(await screen.findByText("再生できる録音はありません。")).toBeDefined();
  expect(state()).toBe("none");
  expect(asked).toEqual(["/api/v1/calls/r6q4/recordings"]);
  expect(screen.getByRole("button", { name: "リロード" })).toBeDefined();
});

test("a recording that comes later is found", async () => {
  const { asked, state } = show(
    list(),
    list({ ...recording, state: "expected", cause: null }),
    list({ ...recording, state: "expired", cause: null }),
  );
  expect(await screen.findByText(/保存期間を過ぎた/, {}, { timeout: 45_000 })).toBeDefined();
  expect(state()).toBe("not_ready");
  expect(asked).toHaveLength(3);
});

test("nothing is looked for once the session has ended", async () => {
  const { asked, state } = show(list(), refused(401, "unauthorized"));
  await waitFor(() => expect(state()).toBe("signed_out"));
  const before = asked.length;
  // Longer than until the next look.
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  expect(asked).toHaveLength(before);
});

test("a recording that is gone is said to be, and not asked for again", async () => {
  const { state } = show(list({ ...recording, state: "expired", cause: null }));
  expect(await screen.findByText(/保存期間を過ぎた/)).toBeDefined();
  expect(state()).toBe("not_ready");
  expect(screen.queryByRole("button")).toBe(null);
});

test("a refusal is shown in the server's words", async () => {
  const { state } = show(refused(404, "call_not_found"));
  expect(await screen.findByText(/told call_not_found/)).toBeDefined();
  expect(state()).toBe("failed");
});

test("who is signed out goes on when a session begins in another tab, or when they come back", async () => {
  const tab = new BroadcastChannel(tabs.name);
  for (const comeBack of [
    () => tab.postMessage("entered"),
    () => document.dispatchEvent(new Event("visibilitychange")),
  ]) {
    const { state } = show(refused(401, "unauthorized"), list());
    expect(await screen.findByRole("link", { name: /ログイン画面を開く/ })).toBeDefined();
    await waitFor(() => expect(state()).toBe("signed_out"));
    comeBack();
    await waitFor(() => expect(state()).toBe("none"));
    expect(screen.queryByRole("link")).toBe(null);
    cleanup();
  }
  tab.close();
});

import type { Page } from "@playwright/test";
import { expect, test } from "./office";

/** What does harm wherever a text becomes markup: as an element, in an attribute, in a script, as an address. */
const text = `"><img src=x onerror=window.harmed=1><svg/onload=window.harmed=1>'`;

/** Has a look at a screen, on which the text must stand as it is. */
async function harmless(page: Page, path: string, shows = true): Promise<void> {
  await page.goto(path);
  await expect(page.getByRole("navigation", { name: "メインメニュー" })).toBeVisible();
  if (shows) {
    const anywhere = page.getByText("<img src=x onerror=").or(page.getByRole("textbox", { name: /名前|メモ/ }));
    await expect.soft(anywhere.filter({ visible: true }).first(), `${path} shows the text as text`).toBeVisible();
  }
  expect(await page.evaluate(() => (window as unknown as { harmed?: number }).harmed), path).toBeUndefined();
  expect(await page.locator("img[src=x], svg[onload], [onerror]").count(), path).toBe(0);
}

test("no text that anybody may write does anything in a browser", async ({ office, login }) => {
  const { page } = await login("admin");
  page.on("dialog", () => {
    throw new Error("a dialog was opened");
  });
  const send = async (
    method: "post" | "patch",
    path: string,
    data: object,
  ): Promise<{ id: number; version: number }> => {
    const answer = await page.request[method](`/api/v1${path}`, { data });
    expect(answer.ok(), `${path}: ${await answer.text()}`).toBe(true);
    return answer.json();
  };
  const [call, unknown] = await office.odd(text);
  const callback = await send("post", `/calls/${call}/callback`, {});
  await send("patch", `/callbacks/${callback.id}`, { version: callback.version, memo: `${text}\n${text}` });
  await send("post", "/phonebook", { number: "0399990071", name: text, note: text });
  const account = await send("post", "/accounts", {
    name: "odd",
    display_name: text,
    role: "agent",
    call_centers: ["support"],
    password: "correct horse battery",
  });
  await send("post", "/tokens", { name: text, role: "agent", call_centers: ["support"] });
  const webhook = await send("post", "/webhooks", {
    name: text,
    url: `https://example.com/?${encodeURIComponent(text)}`,
    kinds: ["callback"],
    active: false,
  });
  await office.talk("7001", "2001", "0399990071");

  for (const path of [
    "/contacts",
    `/contacts/${call}`,
    `/contacts/${unknown}`,
    "/callbacks",
    `/callbacks/${callback.id}`,
    "/history",
    `/history/${callback.id}`,
    "/admin/accounts",
    "/admin/phonebook",
    "/admin/tokens",
    "/admin/webhooks",
    `/admin/webhooks/${webhook.id}`,
  ])
    await harmless(page, path);
  const inAddress = encodeURIComponent(text);
  for (const path of [
    "/monitor",
    "/admin/nodes",
    `/contacts?number=${inAddress}`,
    `/callbacks?q=${inAddress}`,
    `/callbacks/${inAddress}`,
    `/nowhere/${inAddress}`,
  ])
    await harmless(page, path, false);

  // Why no callback can be registered names the queue.
  const refused = await page.request.post(`/api/v1/calls/${unknown}/callback`);
  expect(refused.status()).toBe(422);
  expect(refused.headers()["content-type"]).toBe("application/problem+json");
  await page.request.patch(`/api/v1/accounts/${account.id}`, { data: { version: account.version, enabled: false } });
});

import { expect, test } from "./office";

test("twenty tabs share one event stream, and all of them follow it", async ({ office, login }) => {
  const sato = await login("sato");
  const tabs = [sato.page];
  while (tabs.length < 20) tabs.push(await sato.context.newPage());
  for (const tab of tabs) await tab.goto("/contacts?kind=terminal", { waitUntil: "commit" });
  for (const tab of tabs) await expect(tab.getByRole("navigation")).toBeVisible();
  await expect.poll(() => office.metric("callbackd_stream_readers")).toBe(1);
  await office.talk("2001", "2001", "0399990001");
  for (const tab of tabs) await expect(tab.getByRole("row", { name: "0399990001" })).toContainText("応答");
});

test("a daemon that was away shows, and what happened meanwhile appears without a reload", async ({
  office,
  login,
}) => {
  const { page } = await login("suzuki");
  await office.daemon(false);
  try {
    await expect(page.getByText("サーバとの接続が切れています")).toBeVisible();
    await office.talk("2002", "2002", "0399990002");
    // Its program and its records are yet to be fetched.
    await page.getByRole("link", { name: "折り返し呼一覧" }).click();
  } finally {
    await office.daemon(true);
  }
  await expect(page.getByText("再接続しました")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("heading", { level: 1, name: "折り返し呼一覧" })).toBeVisible();
  await page.getByRole("link", { name: "応対一覧", exact: true }).click();
  await office.talk("2002", "2002", "0399990003");
  await expect(page.getByRole("row", { name: "0399990003" })).toContainText("応答");
});

test("without shared workers one tab leads, and another goes on when it is closed", async ({ office, login }) => {
  const sato = await login("sato");
  await sato.context.addInitScript(() => Reflect.deleteProperty(window, "SharedWorker"));
  await sato.page.goto("/contacts");
  const second = await sato.context.newPage();
  await second.goto("/contacts");
  await expect(second.getByRole("navigation")).toBeVisible();
  await expect.poll(() => office.metric("callbackd_stream_readers")).toBe(1);
  await office.talk("2001", "2001", "0399990004");
  for (const page of [sato.page, second]) await expect(page.getByRole("row", { name: "0399990004" })).toBeVisible();
  await sato.page.close();
  await expect.poll(() => office.metric("callbackd_stream_readers")).toBe(1);
  await office.talk("2001", "2001", "0399990005");
  await expect(second.getByRole("row", { name: "0399990005" })).toBeVisible();
});

test("a new callback is told once, by one of the tabs", async ({ office, login }) => {
  const [sato, suzuki] = [await login("sato"), await login("suzuki")];
  const second = await suzuki.context.newPage();
  await second.goto("/contacts");
  await expect(second.getByRole("navigation")).toBeVisible();
  await office.talk("7001", "2001", "0399990006");
  await sato.page.getByRole("row", { name: "0399990006" }).click();
  await sato.page.getByRole("button", { name: "折り返し呼を登録" }).click();
  await expect(sato.page).toHaveURL(/\/callbacks\/\d+/);
  const told = async () => [...(await suzuki.notifications()), ...(await suzuki.notifications(second))];
  await expect.poll(told).toMatchObject([{ title: "折り返し呼が登録されました" }]);
  expect(await sato.notifications(), "not to who registered it").toEqual([]);
});

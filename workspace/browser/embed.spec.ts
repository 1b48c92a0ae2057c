import { expect, password, test } from "./office";

/** The pages of docs/integration.md that hold a player: one of an origin that callbackd lists, and one of another. */
const [embedder, stranger] = [process.env.CALLBACKD_EMBEDDER ?? "", process.env.CALLBACKD_STRANGER ?? ""];

interface Told {
  type: string;
  state?: string;
  recording?: number;
  position_seconds?: number;
  duration_seconds?: number;
}

test("the player in another program's page", async ({ office, login, browser }) => {
  const number = "0399990061";
  // Longer than what is done while it plays, on a busy machine too.
  const [{ page, context }] = await Promise.all([login("sato"), office.talk("7001", "2001", number, 8)]);
  const read = async (path: string) => (await context.request.get(`/api/v1${path}`)).json();
  const called = async () => (await read(`/calls?number=${number}`)).items[0]?.request_id;
  await expect.poll(called).toBeTruthy();
  const call = await called();
  const recordings = async () => (await read(`/calls/${call}/recordings`)).items;
  await expect.poll(async () => (await recordings())[0]?.state, { timeout: 60_000 }).toBe("ready");
  const [recording] = await recordings();

  const frame = page.frameLocator("#player");
  const told = page.locator("#state");
  const heard = async (): Promise<Told> => JSON.parse((await told.textContent()) ?? "");
  // What the page was told in all, for a state may be over before it is looked for.
  const all = () => page.evaluate(() => (window as unknown as { told: Told[] }).told);
  const playsBeyond = (seconds: number) => async () =>
    (await all()).some((m) => m.state === "playing" && (m.position_seconds ?? 0) > seconds);
  await page.addInitScript(() => {
    const messages: Told[] = [];
    Object.assign(window, { told: messages });
    window.addEventListener("message", (event) => messages.push(event.data));
  });

  await test.step("plays, and says how it goes", async () => {
    await page.goto(`${embedder}/${call}`);
    await expect(told).toContainText('"state":"ready"');
    expect(await heard()).toMatchObject({ recording: recording.id, position_seconds: 0 });
    expect((await heard()).duration_seconds).toBeGreaterThan(7);
    await expect(frame.getByRole("slider", { name: "再生位置" })).toBeVisible();
    const height = () => frame.getByRole("main").evaluate((main) => Math.ceil(main.getBoundingClientRect().height));
    const fits = async () => String(await height()) === (await page.locator("#player").getAttribute("height"));
    await expect.poll(fits).toBe(true);
    await frame.getByRole("button", { name: "再生", exact: true }).click();
    await expect.poll(playsBeyond(0.2)).toBe(true);
  });

  await test.step("does what the page asks for", async () => {
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(told).toContainText('"state":"paused"');
    await page.getByRole("button", { name: "From the start" }).click();
    await expect(told).toContainText('"position_seconds":0,');
    await page.evaluate(() => (window as unknown as { told: Told[] }).told.splice(0));
    await page.getByRole("button", { name: "Play" }).click();
    await expect.poll(playsBeyond(0)).toBe(true);
  });

  await test.step("asks who is signed out to log in, and goes on", async () => {
    await context.request.delete("/api/v1/session");
    await page.getByRole("button", { name: "Pause" }).click();
    await expect(told).toContainText('"state":"signed_out"');
    const opened = page.waitForEvent("popup");
    await frame.getByRole("link", { name: "ログイン画面を開く" }).click();
    const tab = await opened;
    await tab.getByLabel("ログイン名").fill("sato");
    await tab.locator("input[name=password]").fill(password);
    await tab.getByRole("button", { name: "ログイン" }).click();
    await expect(told).toContainText('"state":"ready"');
    await expect(frame.getByRole("button", { name: "再生", exact: true })).toBeVisible();
  });

  await test.step("is nothing for a page that is not listed", async () => {
    const elsewhere = await browser.newContext({ storageState: await context.storageState() });
    const other = await elsewhere.newPage();
    const refused = other.waitForEvent("console", (message) => message.text().includes("frame-ancestors"));
    await other.goto(`${stranger}/${call}`);
    await refused;
    await expect(other.frameLocator("#player").getByRole("main")).toHaveCount(0);
    await expect(other.locator("#state")).toBeEmpty();
    await elsewhere.close();
  });
});

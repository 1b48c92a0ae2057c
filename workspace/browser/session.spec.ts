import { expect, test } from "./office";

test("a wrong password is told, and too many attempts are refused for a while", async ({ page }) => {
  await page.goto("/monitor");
  await page.getByLabel("ログイン名").fill("nobody");
  for (let attempt = 0; attempt < 20; attempt++) {
    await page.locator("input[name=password]").fill("wrong password");
    const answer = page.waitForResponse("**/api/v1/session");
    await page.getByRole("button", { name: "ログイン" }).click();
    const { status } = { status: (await answer).status() };
    await expect(page.getByRole("alert")).toContainText(status === 429 ? "429 too_many_attempts" : "401 login_failed");
    if (status === 429) {
      await expect(page.getByRole("alert")).toContainText(/\d+ 秒後に再試行できます/);
      return;
    }
  }
  throw new Error("attempts are not limited");
});

test("an ended session shows, and the page is as it was after logging in again", async ({ login }) => {
  const { page } = await login("sato");
  await page.getByLabel("番号の先頭").fill("0399");
  await expect(page).toHaveURL(/number=0399/);
  const elsewhere = await login("sato");
  await elsewhere.page.request.delete("/api/v1/me/sessions");
  const dialog = page.getByRole("dialog", { name: "ログイン" });
  await expect(dialog).toContainText("セッションが終了しました");
  await dialog.locator("input[name=password]").fill("correct horse battery");
  await dialog.getByRole("button", { name: "ログイン", exact: true }).click();
  await expect(dialog).toBeHidden();
  await expect(page.getByLabel("番号の先頭")).toHaveValue("0399");
});

test("logging out empties every tab", async ({ login }) => {
  const sato = await login("sato");
  const second = await sato.context.newPage();
  await second.goto("/callbacks");
  await expect(second.getByRole("heading", { level: 1 })).toBeVisible();
  await sato.page.getByRole("button", { name: /のメニュー/ }).click();
  await sato.page.getByRole("menuitem", { name: "ログアウト", exact: true }).click();
  for (const page of [sato.page, second]) await expect(page.getByLabel("ログイン名")).toBeVisible();
});

test("screens that a role does not have are neither in the menu nor shown", async ({ login }) => {
  const { page } = await login("sato");
  const menu = page.getByRole("navigation", { name: "メインメニュー" }).getByRole("link");
  await expect(menu).toHaveText(["応対一覧", "折り返し呼一覧"]);
  await page.goto("/history");
  await expect(page.getByText("この画面を表示する権限がありません")).toBeVisible();
  const response = await page.goto("/nowhere");
  expect(response?.status()).toBe(404);
  await expect(page.getByText("ページが見つかりません")).toBeVisible();
});

test("on a page at twice its size everything in the head can be reached", async ({ login }) => {
  const { page } = await login("yamada");
  await page.setViewportSize({ width: 683, height: 384 });
  await expect(page.getByRole("button", { name: /のメニュー/ })).toBeInViewport({ ratio: 1 });
  await page.getByRole("navigation", { name: "メインメニュー" }).getByRole("link", { name: "管理" }).click();
  await expect(page).toHaveURL(/\/admin/);
});

test("people log in with the accounts of another system, and log out there", async ({ page, browser }) => {
  const logIn = async (at: typeof page, name: string) => {
    await at.goto("/callbacks?sort=id");
    await at.getByRole("link", { name: "社内アカウントでログイン" }).click();
    await at.getByLabel("Name").fill(name);
    await at.getByLabel("Password").fill("correct horse battery");
    await at.getByRole("button", { name: "Log in" }).click();
  };
  await logIn(page, "honda");
  await expect(page.getByRole("heading", { level: 1, name: "折り返し呼一覧" })).toBeVisible();
  await expect(page).toHaveURL(/\/callbacks\?sort=id$/);
  const menu = page.getByRole("button", { name: /真理子 本田.*のメニュー/ });
  await menu.click();
  await page.getByRole("menuitem", { name: "アカウント設定" }).click();
  const settings = page.getByRole("dialog", { name: "アカウント設定" });
  await expect(settings.getByRole("heading", { name: "ブラウザ通知" })).toBeVisible();
  await expect(settings.getByRole("heading", { name: "パスワードの変更" })).toHaveCount(0);
  await settings.getByRole("button", { name: "閉じる" }).click();
  await menu.click();
  await page.getByRole("menuitem", { name: "ログアウト", exact: true }).click();
  await expect(page.getByLabel("ログイン名")).toBeVisible();
  await page.screenshot({ path: "artefacts/login-single-sign-on.png" });

  const guest = await (await browser.newContext()).newPage();
  await logIn(guest, "guest");
  await expect(guest.getByRole("alert")).toContainText("利用する権限がありません");
  await expect(guest).not.toHaveURL(/login_error/);
  await guest.screenshot({ path: "artefacts/login-single-sign-on-refused.png" });
  await guest.context().close();
});

import { expect, type Page, type Route, test } from "@playwright/test";
import { picture, visit } from "./gallery";

const refused = (status: number, code: string, detail: string) => (route: Route) =>
  route.fulfill({
    status,
    contentType: "application/problem+json",
    body: JSON.stringify({ type: "about:blank", title: "-", status, code, detail }),
  });

/** Opens a screen whose answers are something else than the server's. */
async function meanwhile(page: Page, address: string, path: string, answer: (route: Route) => unknown): Promise<void> {
  await page.route(path, answer);
  await page.goto(address);
}

test("login, and what it refuses", async ({ browser }) => {
  for (const language of ["ja", "en"] as const) {
    const { page, context } = await visit(browser, "0", language);
    await page.goto("/");
    await expect(page.locator("input[name=password]")).toBeVisible();
    await picture(page, `login-${language}`);
    await page.locator("input[name=username]").fill("sato");
    await page.locator("input[name=password]").fill("a wrong one");
    await page.locator("button[type=submit]").click();
    await expect(page.getByRole("alert")).toBeVisible();
    await picture(page, `login-refused-${language}`);
    await context.close();
  }
});

test("an agent's screens", async ({ browser }) => {
  const { page, context, faults } = await visit(browser, "10000", "ja", "sato");
  await page.goto("/contacts");
  await expect(page.locator("tbody tr").first()).toBeVisible();
  await picture(page, "agent-contacts");
  await page.locator("tbody tr").nth(1).focus();
  await picture(page, "agent-contacts-focus");
  const calls = await context.request.get("/api/v1/calls?kind=terminal&page_size=1");
  const { items } = (await calls.json()) as { items: { request_id: string }[] };
  await page.goto(`/contacts/${items[0]?.request_id}`);
  await expect(page.getByText("コールセンターの通話のみ登録できます", { exact: false })).toBeVisible();
  await picture(page, "agent-contact-refused");
  await page.goto("/callbacks?unassigned=1");
  await expect(page.locator("tbody tr").first()).toBeVisible();
  await page.getByRole("button", { name: /フィルター/ }).click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await picture(page, "agent-filter");
  await page.keyboard.press("Escape");
  await page.locator("tbody tr").first().click();
  await expect(page.locator(".mantine-Timeline-item").first()).toBeVisible();
  await picture(page, "agent-callback-free");
  await page.getByRole("button", { name: "メモ 編集" }).click();
  await page.getByRole("textbox", { name: "メモ" }).fill("16時に折り返し。\n担当者が戻り次第、本人から連絡する");
  await picture(page, "agent-memo");
  await page.goto("/callbacks?q=no+such+thing+anywhere");
  await expect(page.getByText("絞り込みの文字列を短くするか")).toBeVisible();
  await picture(page, "agent-no-match");
  await page.goto("/callbacks?page=400&after=eyJ4IjoxfQ");
  await expect(page.getByRole("alert").or(page.getByText("最初のページから表示し直してください。"))).toBeVisible();
  await picture(page, "agent-past-end");
  await context.close();
  expect(faults).toEqual([]);
});

test("a person's own settings", async ({ browser }) => {
  const { page, context, faults } = await visit(browser, "3", "ja", "ito");
  await page.goto("/contacts");
  await page.getByRole("button", { name: "伊藤 美穂のメニュー" }).click();
  await expect(page.getByRole("menuitem", { name: "アカウント設定" })).toBeVisible();
  await picture(page, "account-menu");
  await page.getByRole("menuitem", { name: "アカウント設定" }).click();
  const dialog = page.getByRole("dialog", { name: "アカウント設定" });
  const old = process.env.CALLBACKD_PASSWORD ?? "";
  const next = "another horse, another battery";
  const fill = async (current: string, again: string) => {
    await dialog.getByLabel("現在のパスワード").fill(current);
    await dialog.getByLabel("新しいパスワード", { exact: false }).first().fill(next);
    await dialog.getByLabel("新しいパスワード(確認)").fill(again);
    await dialog.getByRole("button", { name: "パスワードを変更" }).click();
  };
  await fill(old, "something else");
  await expect(dialog.getByText("新しいパスワードと一致しません。")).toBeVisible();
  await picture(page, "settings");
  await fill("not the password", next);
  await expect(dialog.locator("[class*=error]").first()).toBeVisible();
  await picture(page, "settings-refused");
  const elsewhere = await visit(browser, "3", "ja", "ito");
  await fill(old, next);
  await expect(page.getByText("パスワードを変更しました。")).toBeVisible();
  await expect(dialog).toBeHidden();
  expect((await context.request.get("/api/v1/me")).status(), "this session goes on").toBe(200);
  expect((await elsewhere.context.request.get("/api/v1/me")).status(), "the other has ended").toBe(401);
  await elsewhere.context.close();
  await context.close();
  expect(faults).toEqual([]);
});

test("a supervisor's work", async ({ browser }) => {
  const { page, context, faults } = await visit(browser, "3", "ja", "yamada");
  await page.goto("/history/3");
  await page.getByRole("dialog").getByRole("button", { name: "編集" }).click();
  await page.getByRole("dialog").getByRole("combobox", { name: "担当者" }).click();
  await expect(page.getByRole("option", { name: "鈴木 一郎" })).toBeVisible();
  await picture(page, "supervisor-assigns");
  await page.getByRole("option", { name: "鈴木 一郎" }).click();
  await page.getByRole("button", { name: "保存" }).click();
  await expect(page.getByText("保存しますか?")).toBeVisible();
  await picture(page, "supervisor-asked");
  await page.getByRole("dialog", { name: "保存しますか?" }).getByRole("button", { name: "キャンセル" }).click();
  await page.goto("/callbacks/3");
  await expect(page.locator(".mantine-Timeline-item").first()).toBeVisible();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await picture(page, "shortcuts");
  await context.close();
  expect(faults).toEqual([]);
});

test("what an administrator fills in", async ({ browser }) => {
  const { page, context, faults } = await visit(browser, "3", "ja", "admin");
  for (const [address, button, name] of [
    ["/admin/accounts", "アカウントを作成", "account-new"],
    ["/admin/phonebook", "番号を追加", "entry-new"],
    ["/admin/phonebook", "CSV を取り込む", "import"],
    ["/admin/tokens", "トークンを作成", "token-new"],
    ["/admin/webhooks", "Webhook を作成", "webhook-new"],
    ["/admin/webhooks/1", "まとめて再送", "webhook-replay"],
    ["/admin/webhooks/3", "シークレットを再発行", "webhook-disabled"],
  ] as const) {
    await page.goto(address);
    await page.getByRole("button", { name: button }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await picture(page, name);
  }
  await page.goto("/admin/accounts");
  await page.getByText("佐藤 恵子").click();
  await expect(page.getByRole("dialog")).toBeVisible();
  await picture(page, "account");
  await context.close();
  expect(faults).toEqual([]);
});

test("slow and refused answers", async ({ browser }) => {
  const { page, context } = await visit(browser, "3", "ja", "admin");
  const down = refused(500, "internal", "サーバで問題が発生しました。しばらくしてから再試行してください。");
  for (const [name, address, path] of [
    ["contacts", "/contacts", "**/api/v1/calls?**"],
    ["callbacks", "/callbacks", "**/api/v1/callbacks?**"],
    ["monitor", "/monitor", "**/api/v1/monitor"],
    ["accounts", "/admin/accounts", "**/api/v1/accounts?**"],
    ["webhooks", "/admin/webhooks", "**/api/v1/webhooks"],
  ] as const) {
    await meanwhile(page, address, path, down);
    await expect(page.getByRole("alert").first()).toBeVisible();
    await picture(page, `${name}-error`);
    await page.unroute(path);
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    await meanwhile(page, address, path, async (route) => {
      await held;
      await route.continue();
    });
    await expect(page.getByLabel("読み込み中です").first()).toBeVisible();
    await picture(page, `${name}-slow`);
    goOn();
    await expect(page.locator("tbody tr").first()).toBeVisible();
    await page.unroute(path);
  }
  await page.goto("/callbacks/99999");
  await expect(page.getByRole("alert")).toBeVisible();
  await picture(page, "callback-missing");
  await page.goto("/nowhere");
  await picture(page, "nowhere");
  await context.close();
});

import { accessible, expect, test } from "./office";

test("what agents work with is accessible, light and dark", async ({ office, login, browser }) => {
  const context = await browser.newContext();
  const visitor = await context.newPage();
  await visitor.goto("/");
  await expect(visitor.getByRole("heading", { name: "ログイン" })).toBeVisible();
  await accessible(visitor, "login");
  await context.close();

  const [sato, suzuki] = [await login("sato"), await login("suzuki")];
  const { page } = sato;
  await office.talk("7001", "2001", "0399990061", 1);
  const row = page.getByRole("row", { name: "0399990061" });
  await expect(row).toContainText("応答");
  await accessible(page, "contacts");
  await row.click();
  await expect(page.getByRole("heading", { name: "種類の判定の根拠" })).toBeVisible();
  await accessible(page, "contact");
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "キーボードショートカット" })).toBeVisible();
  await accessible(page, "shortcuts");
  await page.keyboard.press("Escape");

  // Escape closed the dialog, and did not lead back to the list besides.
  await page.getByRole("button", { name: "折り返し呼を登録" }).click();
  await expect(page).toHaveURL(/\/callbacks\/\d+/);
  const id = /\d+/.exec(new URL(page.url()).pathname)?.[0];
  await expect(page.getByRole("slider", { name: "再生位置" })).toBeVisible();
  await accessible(page, "callback with player");
  await page.getByRole("button", { name: "メモ 編集" }).click();
  await page.getByRole("textbox", { name: "メモ" }).fill("午後にかけ直す");
  await accessible(page, "memo");
  await page.getByRole("button", { name: "担当者に自分を割り当てる" }).click();
  const question = page.getByRole("dialog", { name: "担当者を割り当てます" });
  await expect(question).toBeVisible();
  await accessible(page, "question");
  const claim = await suzuki.page.request.post(`/api/v1/callbacks/${id}/claim`, { data: { version: 1 } });
  expect(claim.status(), await claim.text()).toBe(200);
  await question.getByRole("button", { name: "OK" }).click();
  const conflict = page.getByRole("dialog", { name: "更新できませんでした" });
  await expect(conflict.getByRole("row", { name: "鈴木 一郎" })).toBeVisible();
  await accessible(page, "conflict");
  await conflict.getByRole("button", { name: "リロード" }).click();

  await page.goto("/callbacks?q=0399990061");
  await expect(row).toContainText("鈴木 一郎");
  await page.getByRole("button", { name: "フィルター" }).click();
  await expect(page.getByRole("checkbox", { name: "未割り当て" })).toBeVisible();
  await accessible(page, "callbacks with filters");
});

test("what supervisors and administrators work with is accessible, light and dark", async ({ office, login }) => {
  const sato = await login("sato");
  await office.talk("7001", "2001", "0399990062");
  const id = await sato.register("0399990062");
  const { page } = await login("admin");
  await page.goto(`/history/${id}?number=0399990062`);
  const drawer = page.getByRole("dialog", { name: `折り返し呼 ${id}` });
  await expect(drawer).toContainText("0399990062");
  await accessible(page, "history with a record");
  await drawer.getByRole("button", { name: "編集" }).click();
  await drawer.getByRole("combobox", { name: "担当者" }).click();
  await page.getByRole("option", { name: "佐藤 恵子" }).click();
  await drawer.getByRole("button", { name: "保存" }).click();
  const question = page.getByRole("dialog", { name: "保存しますか?" });
  await expect(question).toBeVisible();
  await accessible(page, "question to save");
  await question.getByRole("button", { name: "OK" }).click();
  await expect(question).toBeHidden();
  await page.goto("/history?number=0399990062");
  await expect(page.getByRole("row", { name: "0399990062" })).toBeVisible();
  await accessible(page, "history");

  await page.goto("/monitor");
  await expect(page.getByRole("table", { name: "エージェント" })).toBeVisible();
  await accessible(page, "monitor");

  for (const [part, shown, button] of [
    ["accounts", "高橋 明", "アカウントを作成"],
    ["phonebook", "共通電話帳", "番号を追加"],
    ["tokens", "test", "トークンを作成"],
    ["webhooks", "Webhook", "Webhook を作成"],
    ["nodes", "pbx1", null],
  ] as const) {
    await page.goto(`/admin/${part}`);
    await expect(page.getByRole("tabpanel")).toContainText(shown);
    await accessible(page, part);
    if (button === null) continue;
    await page.getByRole("button", { name: button }).click();
    await expect(page.getByRole("dialog")).toBeVisible();
    await accessible(page, button);
  }
});

import { accessible, expect, test } from "./office";

test("an administrator makes a webhook, sees it fail, mends it and sends what it missed", async ({ office, login }) => {
  const { page } = await login("admin");
  const receiver = await office.receiver(204);
  await page.goto("/admin/webhooks");
  await page.getByRole("button", { name: "Webhook を作成" }).click();
  const form = page.getByRole("dialog", { name: "Webhook を作成" });
  await form.getByLabel("名前").fill("CRM");
  await form.getByLabel("URL").fill("https://10.1.2.3/hook");
  await form.getByRole("button", { name: "保存" }).click();
  await expect(form.getByText("webhooks.allow_networks で許可してください")).toBeVisible();
  await form.getByLabel("URL").fill(`${receiver}/hook`);
  await page.keyboard.press("Enter");
  const secret = page.getByRole("dialog", { name: "CRM のシークレット" });
  await expect(secret).toContainText("whsec_");
  await secret.getByRole("button", { name: "閉じる" }).last().click();
  await expect(page).toHaveURL(/\/admin\/webhooks\/\d+$/);
  await page.getByRole("button", { name: "テスト送信" }).click();
  const result = page.getByRole("status").filter({ hasText: "テスト送信:" });
  await expect(result).toContainText("受信されました (HTTP 204)");

  // A change that is not taken waits, for an hour by this answer, and the webhook is seen to fail.
  await office.receiver(503);
  const [call] = await office.odd("webhook");
  const registered = await page.request.post(`/api/v1/calls/${call}/callback`);
  expect(registered.status()).toBe(201);
  const { id } = (await registered.json()) as { id: number };
  const row = page.getByRole("table", { name: "送信記録" }).getByRole("row", { name: `折り返し呼 ${id}` });
  await expect(row).toContainText("送信待ち");
  await expect(row).toContainText("503");
  await expect(page.getByRole("status").filter({ hasText: "送信に失敗しています" })).toBeVisible();
  await accessible(page, "a webhook that fails");

  // Whoever wants no more is sent no more.
  await office.receiver(410);
  await row.click();
  const drawer = page.getByRole("dialog", { name: "送信記録" });
  await expect(drawer).toContainText("受信側がエラーを返しました (HTTP 503)");
  await accessible(page, "a delivery");
  await drawer.getByRole("button", { name: "再送" }).click();
  await expect(drawer).toContainText("受信側が受け取りの終了を返しました (HTTP 410)");
  await expect(drawer.getByRole("button", { name: "再送" })).toBeDisabled();
  await page.keyboard.press("Escape");
  await expect(drawer).toBeHidden();
  await expect(page.getByText("自動で停止しました")).toBeVisible();

  await office.receiver(204);
  await page.getByRole("button", { name: "有効にする" }).click();
  await page.getByRole("button", { name: "まとめて再送" }).click();
  await page.getByRole("dialog", { name: "まとめて再送" }).getByRole("button", { name: "再送" }).click();
  await expect(page.getByText("1 件を再送します。")).toBeVisible();
  await expect(row).toContainText("送信済み");

  await page.getByRole("button", { name: "シークレットを再発行" }).click();
  const question = page.getByRole("dialog", { name: "CRM のシークレットを再発行しますか?" });
  await question.getByRole("button", { name: "シークレットを再発行" }).click();
  await expect(secret).toContainText("whsec_");
  await page.keyboard.press("Escape");
  await expect(page.getByText("再発行しました。")).toBeVisible();
  await page.setViewportSize({ width: 320, height: 640 });
  const spare = () => page.evaluate(() => document.documentElement.clientWidth - document.documentElement.scrollWidth);
  await expect.poll(spare, "it fits into 320 pixels").toBeGreaterThanOrEqual(0);

  await page.getByRole("button", { name: "削除" }).click();
  await page
    .getByRole("dialog", { name: /CRM を削除しますか/ })
    .getByRole("button", { name: "削除" })
    .click();
  await expect(page).toHaveURL(/\/admin\/webhooks$/);
  await expect(page.getByRole("row", { name: "CRM" })).toHaveCount(0);
});

test("of two administrators who change a webhook, the second is told what it is now", async ({ login }) => {
  const { page } = await login("admin");
  const made = await page.request.post("/api/v1/webhooks", {
    data: { name: "queue", url: "https://example.com/", kinds: ["call"], active: false },
  });
  const { id } = (await made.json()) as { id: number };
  await page.goto(`/admin/webhooks/${id}`);
  await page.getByRole("button", { name: "編集" }).click();
  const form = page.getByRole("dialog", { name: "queue の編集" });
  await form.getByLabel("名前").fill("mine");
  await page.request.patch(`/api/v1/webhooks/${id}`, { data: { name: "theirs" } });
  await form.getByRole("button", { name: "保存" }).click();
  await expect(form.getByRole("alert")).toContainText("409 stale");
  const theirs = page.getByRole("dialog", { name: "theirs の編集" });
  await page.getByRole("button", { name: "リロード" }).click();
  await expect(theirs.getByLabel("名前")).toHaveValue("theirs");
  await theirs.getByLabel("名前").fill("mine");
  await theirs.getByRole("button", { name: "保存" }).click();
  await expect(page.getByRole("heading", { name: "mine" })).toBeVisible();

  await page.request.delete(`/api/v1/webhooks/${id}`);
  await page.reload();
  await expect(page.getByRole("alert")).toContainText("404 webhook_not_found");
  await page.getByRole("link", { name: "Webhook の一覧" }).click();
  await expect(page).toHaveURL(/\/admin\/webhooks$/);
});

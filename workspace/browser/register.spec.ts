import { expect, test } from "./office";

test("a call appears by itself, and + registers a callback and opens it", async ({ office, login }) => {
  const sato = await login("sato");
  const { page } = sato;
  const call = await office.call("7001", { number: "0399990008" });
  await office.answer("2001");
  const row = page.getByRole("row", { name: "0399990008" });
  await expect(row).toContainText("通話中");
  await office.hangUp(call);
  await expect(row).toContainText("応答");
  await sato.picture("contacts");

  await row.click();
  await page.getByRole("button", { name: "折り返し呼を登録" }).click();
  await expect(page).toHaveURL(/\/callbacks\/\d+/);
  const id = /\d+/.exec(new URL(page.url()).pathname)?.[0] ?? "";

  await page.getByRole("link", { name: "応対一覧", exact: true }).click();
  await expect(page.getByRole("link", { name: `折り返し呼 ${id} を開く` })).toBeVisible();
});

test("a call to a phone or a ring group cannot be registered, and says why", async ({ office, login }) => {
  const sato = await login("sato");
  const { page } = sato;
  for (const [number, kind, caller] of [
    ["2001", "電話端末", "0399990009"],
    ["6001", "着信グループ", "0399990010"],
  ] as const) {
    await office.talk(number, "2001", caller);
    await page.getByRole("row", { name: caller }).click();
    const plus = page.getByRole("button", { name: "折り返し呼を登録" });
    await expect(plus).toBeDisabled();
    await expect(plus).toHaveAccessibleDescription(new RegExp(`${kind}.*${number}.*登録できません`));
    await sato.picture(`contact-${number}`);
    await page.keyboard.press("Escape");
  }
});

test("who has no calls yet is told how they come", async ({ login }) => {
  // No scenario calls the phone of ito.
  const { page } = await login("ito");
  await expect(page.getByText("応対はまだありません")).toBeVisible();
});

import { expect, type Person, test } from "./office";

test("a memo that was not saved survives leaving, a reload and a crash", async ({ office, login }) => {
  const sato = await login("sato");
  await office.talk("7001", "2001", "0399990031");
  const id = await sato.register("0399990031");
  await sato.page.getByRole("button", { name: "メモ 編集" }).click();
  await sato.page.getByRole("textbox", { name: "メモ" }).fill("折り返し先は\n会社ではなく携帯");
  const kept = async (what: string) =>
    expect(sato.page.getByRole("textbox", { name: "メモ" }), what).toHaveValue("折り返し先は\n会社ではなく携帯");

  await sato.page.getByRole("link", { name: "応対一覧", exact: true }).click();
  await sato.page.getByRole("link", { name: "折り返し呼一覧" }).click();
  const tab = sato.page
    .getByRole("navigation", { name: "開いている折り返し呼" })
    .getByRole("link", { name: `ID ${id}` });
  await expect(tab.getByRole("img", { name: "保存していない入力があります" })).toBeVisible();
  await tab.click();
  await kept("leaving");
  await sato.page.reload();
  await kept("a reload");
  const address = sato.page.url();
  const crashed = sato.page.waitForEvent("crash");
  await sato.page.goto("chrome://crash").catch(() => {});
  await crashed;
  sato.page = await sato.context.newPage();
  await sato.page.goto(address);
  await kept("a crash");

  await sato.page.getByRole("button", { name: "保存" }).click();
  await expect(sato.page.getByRole("button", { name: "メモ 編集" })).toBeVisible();
  await expect(sato.page.getByRole("region", { name: "メモ" })).toContainText("会社ではなく携帯");
  await sato.page.reload();
  await expect(sato.page.getByRole("button", { name: "メモ 編集" })).toBeVisible();
});

test("a callback is found, claimed, annotated and completed by keyboard alone", async ({ office, login }) => {
  const suzuki = await login("suzuki");
  const { page } = suzuki;
  for (const number of ["0399990041", "0399990042"]) {
    await office.talk("7001", "2002", number);
    await suzuki.register(number);
  }
  await page.goto("/callbacks?q=039999004");
  const [newer, older] = [page.getByRole("row", { name: "0399990042" }), page.getByRole("row", { name: "0399990041" })];
  await expect(older).toBeVisible();

  await tabTo(suzuki, newer);
  await page.keyboard.press("ArrowDown");
  await expect(older).toBeFocused();
  await page.keyboard.press("c");
  const claim = page.getByRole("dialog", { name: "担当者を割り当てます" }).getByRole("button", { name: "OK" });
  await expect(claim).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(older).toContainText("鈴木 一郎");
  await expect(older, "the focus is where it was").toBeFocused();

  await page.keyboard.press("Enter");
  await expect(page.getByRole("region", { name: "メモ" })).toBeVisible();
  await page.keyboard.press("m");
  await page.keyboard.type("留守番電話に伝言");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("textbox", { name: "メモ" })).toBeHidden();
  await page.keyboard.press("Escape");
  await expect(older).toContainText("留守番電話に伝言");
  await expect(older, "the list is as it was left").toBeFocused();

  const agree = page.getByRole("dialog", { name: "対応状況を「完了」にしますか?" }).getByRole("button", { name: "OK" });
  await page.keyboard.press("d");
  await expect(agree).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(older).toBeFocused();
  await expect(older, "Escape changes nothing").toContainText("未完了");
  await page.keyboard.press("d");
  await expect(agree).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(older.getByRole("cell").first()).toHaveText("完了");
  await page.keyboard.press("ArrowUp");
  await expect(newer).toBeFocused();
  await page.keyboard.press("d");
  await expect(page.getByRole("alert").filter({ hasText: "担当者がいません" })).toBeVisible();
});

/** Presses Tab until an element has the focus. */
async function tabTo({ page }: Person, element: ReturnType<Person["page"]["locator"]>): Promise<void> {
  for (let stops = 0; stops < 30; stops++) {
    await page.keyboard.press("Tab");
    if (await element.evaluate((e) => e === document.activeElement)) return;
  }
  throw new Error("no number of Tabs leads there");
}

test("filters, sort, page and tabs are in the address, and survive a reload", async ({ office, login }) => {
  const { page } = await login("takahashi");
  await office.past(51);
  for (let n = 1; n <= 51; n++) {
    const answer = await page.request.post(`/api/v1/calls/past${n}/callback`);
    expect(answer.status(), await answer.text()).toBe(201);
  }
  await page.goto("/callbacks");
  await page.getByLabel("絞り込み").fill("039998");
  await page.getByRole("button", { name: "フィルター" }).click();
  await page.getByRole("checkbox", { name: "未完了" }).check();
  await page.getByRole("checkbox", { name: "未割り当て" }).check();
  await page.keyboard.press("Escape");
  await page.getByLabel("ソート対象").selectOption("登録日時");
  await page.getByRole("radiogroup", { name: "ソート順" }).getByText("昇順").click();
  const pages = page.getByRole("navigation", { name: "ページ移動" });
  await expect(pages).toContainText("1–50 件 / 全 51 件");
  for (const number of ["0399980001", "0399980002"]) {
    await page.getByRole("row", { name: number }).click();
    await page.getByRole("button", { name: "一覧に戻る" }).click();
  }
  await pages.getByRole("button", { name: "次へ" }).click();

  const asChosen = async () => {
    await expect(pages).toContainText("51–51 件 / 全 51 件");
    await expect(page.getByRole("row", { name: "039998" })).toHaveText([/0399980051/]);
    await expect(page.getByLabel("絞り込み")).toHaveValue("039998");
    await expect(page.getByRole("button", { name: "フィルター(2 件設定中)" })).toBeVisible();
    await expect(page.getByLabel("ソート対象")).toHaveValue("registered_at");
    await expect(page.getByRole("radio", { name: "昇順" })).toBeChecked();
    const tabs = page.getByRole("navigation", { name: "開いている折り返し呼" });
    await expect(tabs.getByRole("link", { name: /^ID / })).toHaveCount(2);
  };
  await asChosen();
  await page.reload();
  await asChosen();
  // The address says all of it: also elsewhere, as from a bookmark.
  const elsewhere = await page.context().newPage();
  await elsewhere.goto(page.url());
  await expect(elsewhere.getByRole("row", { name: "039998" })).toHaveText([/0399980051/]);
});

test("a recording is ready without a reload, and is played here only", async ({ office, login }) => {
  const suzuki = await login("suzuki");
  const { page } = suzuki;
  const call = await office.call("7001", { number: "0399990051" });
  const answered = await office.answer("2002");
  await suzuki.register("0399990051");
  const recording = page.getByRole("region", { name: "録音" });
  await expect(recording).toContainText("録音ファイルの到着を待っています");
  await office.hear(answered, 2);
  await office.hangUp(call);
  await expect(recording.getByRole("slider", { name: "再生位置" })).toBeVisible();

  const granted = page.waitForResponse(/\/recordings\/\d+\/playback$/);
  await recording.getByRole("button", { name: "再生", exact: true }).click();
  const { url } = await (await granted).json();
  await expect.poll(async () => (await suzuki.positions())[0]).toBeGreaterThan(0.5);
  expect(await page.locator("audio, video, a[download]").count(), "nothing to save it from").toBe(0);
  await expect(recording.getByRole("button", { name: /ダウンロード|保存/ })).toHaveCount(0);
  const menu = page.evaluate(
    () =>
      new Promise((resolve) => {
        window.addEventListener("contextmenu", (event) => resolve(event.defaultPrevented ? "prevented" : "shown"));
      }),
  );
  await recording.getByRole("slider").click({ button: "right" });
  expect(await menu).toBe("prevented");

  const asked = await page.evaluate(async (address) => (await fetch(address)).json(), url);
  expect(asked).toMatchObject({ status: 403, code: "media_only" });
  const tab = await suzuki.context.newPage();
  expect(await (await tab.goto(url))?.json(), "another tab").toMatchObject({ status: 403, code: "media_only" });
  const sato = await login("sato");
  expect(await plays(sato, url), "the session of somebody else").toBe("MEDIA_ERR_SRC_NOT_SUPPORTED");
});

/** What becomes of an address that a page is to play. */
function plays({ page }: Person, url: string): Promise<string> {
  return page.evaluate(
    (address) =>
      new Promise<string>((resolve) => {
        const audio = new Audio(address);
        audio.addEventListener("error", () =>
          resolve(
            audio.error?.code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED ? "MEDIA_ERR_SRC_NOT_SUPPORTED" : "error",
          ),
        );
        audio.addEventListener("canplay", () => resolve("plays"));
        audio.load();
      }),
    url,
  );
}

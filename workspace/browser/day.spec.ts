import { readFile } from "node:fs/promises";
import type { Locator, Page } from "@playwright/test";
import { expect, test } from "./office";

const desk = "サポート窓口";

/** What リアルタイムモニタ says of the desk, and of the agents by their names. */
class Monitor {
  constructor(private readonly page: Page) {}

  async desk(): Promise<{ waiting: number; talking: number; open: number; unassigned: number }> {
    const row = this.page.getByRole("table", { name: "コールセンター" }).getByRole("row", { name: desk });
    const cells = (await row.getByRole("cell").allTextContents()).map(Number);
    return { waiting: cells[0] ?? 0, talking: cells[2] ?? 0, open: cells[3] ?? 0, unassigned: cells[4] ?? 0 };
  }

  agent(name: string): Locator {
    return this.page.getByRole("table", { name: "エージェント" }).getByRole("row", { name });
  }
}

test("a day at the office, from the call to the export", async ({ office, login }) => {
  const [sato, suzuki, yamada] = [await login("sato"), await login("suzuki"), await login("yamada")];
  await yamada.page.getByRole("link", { name: "リアルタイムモニタ" }).click();
  const monitor = new Monitor(yamada.page);
  await expect(monitor.agent("佐藤 恵子")).toContainText("通話なし");
  const quiet = await monitor.desk();
  await suzuki.page.getByRole("link", { name: "折り返し呼一覧" }).click();
  await expect(suzuki.page.getByRole("button", { name: "リロード", exact: true })).toBeVisible();
  let id = "";

  await test.step("a phone calls 7001, and sato's list and the monitor follow it", async () => {
    const call = await office.call("7001", { number: "0399990021" });
    await expect.poll(() => monitor.desk()).toEqual({ ...quiet, waiting: quiet.waiting + 1 });
    await expect(monitor.agent("佐藤 恵子")).toContainText("着信中");
    const answered = await office.answer("2001");
    await expect.poll(() => monitor.desk()).toEqual({ ...quiet, talking: quiet.talking + 1 });
    await expect(monitor.agent("佐藤 恵子")).toContainText("通話中");
    const row = sato.page.getByRole("row", { name: "0399990021" });
    await expect(row).toContainText("通話中");
    await office.hear(answered, 8);
    await office.hangUp(call);
    await expect(row).toContainText("応答");
    await expect.poll(() => monitor.desk()).toEqual(quiet);
    await expect(monitor.agent("佐藤 恵子")).toContainText("通話なし");
  });

  await test.step("sato registers a callback, and suzuki hears of it", async () => {
    id = await sato.register("0399990021");
    await expect
      .poll(() => suzuki.notifications())
      .toEqual([
        {
          title: "折り返し呼が登録されました",
          body: expect.stringContaining(`ID ${id} 0399990021`),
          tag: expect.stringContaining(id),
        },
      ]);
    expect(await sato.notifications(), "who registered it knows").toEqual([]);
    const row = suzuki.page.getByRole("row", { name: "0399990021" });
    expect(await row.count(), "the list does not move by itself").toBe(0);
    await suzuki.page.getByRole("button", { name: "リロード(新着 1 件)" }).click();
    await expect(row).toContainText("未完了");
    await expect(suzuki.page.getByRole("button", { name: "リロード", exact: true })).toBeVisible();
    await expect
      .poll(() => monitor.desk())
      .toEqual({ ...quiet, open: quiet.open + 1, unassigned: quiet.unassigned + 1 });
  });

  await test.step("both claim it; the slower is told, and keeps the memo that was typed", async () => {
    const mine = await sato.mine();
    await suzuki.clickNotification();
    await expect(suzuki.page).toHaveURL(new RegExp(`/callbacks/${id}\\b`));
    await suzuki.page.getByRole("button", { name: "メモ 編集" }).click();
    await suzuki.page.getByRole("textbox", { name: "メモ" }).fill("午後にかけ直す");
    const asked = [sato, suzuki].map((person) => person.page.getByRole("dialog", { name: "担当者を割り当てます" }));
    for (const [i, person] of [sato, suzuki].entries()) {
      await person.page.getByRole("button", { name: "担当者に自分を割り当てる" }).click();
      await expect(asked[i] as Locator).toBeVisible();
    }
    await asked[0]?.getByRole("button", { name: "OK" }).click();
    await expect(assignee(sato.page)).toHaveText("佐藤 恵子");
    await asked[1]?.getByRole("button", { name: "OK" }).click();
    const conflict = suzuki.page.getByRole("dialog", { name: "更新できませんでした" });
    await expect(conflict).toContainText("このレコードは既に更新されています。(Code:409)");
    await expect(conflict.getByRole("row", { name: "担当者" })).toHaveText(/^担当者未登録佐藤 恵子佐藤 恵子/);
    await expect(conflict).toContainText("入力中の内容は失われません");
    await suzuki.picture("conflict");
    await conflict.getByRole("button", { name: "リロード" }).click();
    await expect(conflict).toBeHidden();
    await expect(assignee(suzuki.page)).toHaveText("佐藤 恵子");
    await expect(suzuki.page.getByRole("textbox", { name: "メモ" })).toHaveValue("午後にかけ直す");
    await expect.poll(() => sato.mine(), "the count in the title").toBe(mine + 1);
    await expect.poll(() => monitor.desk()).toEqual({ ...quiet, open: quiet.open + 1 });
  });

  await test.step("sato writes a memo, which does not take suzuki's away", async () => {
    await sato.page.getByRole("button", { name: "メモ 編集" }).click();
    await sato.page.getByRole("textbox", { name: "メモ" }).fill("見積りの件");
    await sato.page.getByRole("button", { name: "保存" }).click();
    await expect(sato.page.getByRole("region", { name: "メモ" })).toContainText("見積りの件");
    const theirs = suzuki.page.getByRole("status").filter({ hasText: "ほかの人が変更しました" });
    await expect(theirs).toContainText("見積りの件");
    await expect(suzuki.page.getByRole("textbox", { name: "メモ" })).toHaveValue("午後にかけ直す");
    await suzuki.page.getByRole("button", { name: "キャンセル" }).click();
    await suzuki.page.getByRole("dialog").getByRole("button", { name: "OK" }).click();
    await expect(suzuki.page.getByRole("region", { name: "メモ" })).toContainText("見積りの件");
  });

  await test.step("sato plays the recording from the middle on, and the receipt has the seconds", async () => {
    const recording = sato.page.getByRole("region", { name: "録音" });
    const slider = recording.getByRole("slider", { name: "再生位置" });
    await expect(async () => {
      if (!(await slider.isVisible())) await recording.getByRole("button", { name: "リロード" }).click();
      await expect(slider).toBeVisible({ timeout: 500 });
    }).toPass({ timeout: 30_000 });
    await expect(slider.locator("div").first()).toBeVisible(); // the waveform
    const seconds = Number(await slider.getAttribute("aria-valuemax"));
    expect(seconds).toBeGreaterThanOrEqual(8);
    await slider.click();
    const middle = Number(await slider.getAttribute("aria-valuenow"));
    expect(Math.abs(middle - seconds / 2), "a click in the middle leads to the middle").toBeLessThanOrEqual(1);
    const granted = sato.page.waitForRequest(/\/recordings\/\d+\/playback$/);
    await recording.getByRole("button", { name: "再生", exact: true }).click();
    const number = /recordings\/(\d+)/.exec((await granted).url())?.[1];
    await expect.poll(async () => (await sato.positions())[0]).toBeGreaterThan(middle + 1.5);
    await recording.getByRole("button", { name: "一時停止" }).click();
    const [stopped = 0] = await sato.positions();
    await expect(async () => {
      const answer = await yamada.page.request.get(`/api/v1/recordings/${number}/listens`);
      const { items } = await answer.json();
      expect(items).toMatchObject([{ account: "sato", heard: [{}] }]);
      const [part] = items[0].heard;
      expect(Math.abs(part.from_seconds - seconds / 2), `from ${part.from_seconds} of ${seconds}`).toBeLessThan(1);
      expect(Math.abs(part.to_seconds - stopped), `to ${part.to_seconds}, stopped at ${stopped}`).toBeLessThan(0.5);
    }).toPass();
  });

  await test.step("sato completes it", async () => {
    const mine = await sato.mine();
    await sato.page.getByRole("button", { name: "対応状況 編集" }).click();
    await sato.page.getByRole("radiogroup", { name: "対応状況" }).getByText("完了", { exact: true }).click();
    await sato.page.getByRole("button", { name: "保存" }).click();
    await expect(sato.page.getByRole("region", { name: "変更履歴" })).toContainText("対応状況: 未完了 → 完了");
    await expect.poll(() => sato.mine()).toBe(mine - 1);
    await expect.poll(() => monitor.desk()).toEqual(quiet);
  });

  const history = await yamada.context.newPage();
  let second = "";

  await test.step("yamada gives what suzuki claimed to sato", async () => {
    await office.talk("7001", "2002", "0399990022");
    second = await suzuki.register("0399990022");
    await suzuki.page.getByRole("button", { name: "担当者に自分を割り当てる" }).click();
    await suzuki.page.getByRole("button", { name: "OK" }).click();
    await expect(assignee(suzuki.page)).toHaveText("鈴木 一郎");
    const [mine, told] = [await sato.mine(), (await sato.notifications()).length];

    await history.goto("/history");
    await history.getByRole("search").getByLabel("相手の番号").fill("039999002");
    await history.getByRole("button", { name: "今日" }).click();
    await history.getByRole("button", { name: "検索" }).click();
    await expect(history).toHaveURL(/number=039999002\b/);
    await expect(history.getByRole("row", { name: "03999900" })).toHaveCount(2);
    await history.getByRole("row", { name: "0399990022" }).click();
    const drawer = history.getByRole("dialog", { name: `折り返し呼 ${second}` });
    await drawer.getByRole("button", { name: "編集" }).click();
    await drawer.getByRole("combobox", { name: "担当者" }).click();
    await history.getByRole("option", { name: "佐藤 恵子" }).click();
    await drawer.getByRole("button", { name: "保存" }).click();
    const question = history.getByRole("dialog", { name: "保存しますか?" });
    await question.getByRole("button", { name: "OK" }).click();
    await expect(history.getByRole("row", { name: "0399990022" })).toContainText("佐藤 恵子");

    await expect
      .poll(async () => (await sato.notifications()).slice(told))
      .toMatchObject([{ title: "折り返し呼の担当者に割り当てられました" }]);
    await expect.poll(() => sato.mine()).toBe(mine + 1);
    await expect(assignee(suzuki.page)).toHaveText("佐藤 恵子");
    await drawer.getByRole("button", { name: "閉じる" }).click();
    await expect(history).toHaveURL(/\/history\?/);
  });

  await test.step("yamada exports the result", async () => {
    const download = history.waitForEvent("download");
    await history.getByRole("button", { name: "CSV ダウンロード" }).click();
    const text = await readFile(await (await download).path(), "utf8");
    expect((await download).suggestedFilename()).toMatch(/\.csv$/);
    expect(text.charCodeAt(0), "the mark by which Excel knows UTF-8").toBe(0xfeff);
    const [heading, ...rows] = text.slice(1).trimEnd().split("\r\n");
    expect(heading).toMatch(/ID.*相手の番号.*担当者.*メモ/);
    expect(rows).toHaveLength(2);
    expect(rows.find((row) => row.includes("0399990021"))).toMatch(/完了.*佐藤 恵子.*見積りの件/);
    expect(rows.find((row) => row.includes("0399990022"))).toMatch(/未完了.*佐藤 恵子/);
  });

  await test.step("calls to a phone and to a ring group cannot be registered, and say why", async () => {
    for (const [number, kind, caller] of [
      ["2001", "電話端末", "0399990023"],
      ["6001", "着信グループ", "0399990024"],
    ] as const) {
      const before = await monitor.desk();
      const call = await office.call(number, { number: caller });
      await office.answer("2001");
      await expect(monitor.agent("佐藤 恵子")).toContainText("通話中");
      expect(await monitor.desk(), "it is no call of the desk").toEqual(before);
      await office.hangUp(call);
      await sato.page.getByRole("link", { name: "応対一覧", exact: true }).click();
      await sato.page.getByRole("row", { name: caller }).click();
      const plus = sato.page.getByRole("button", { name: "折り返し呼を登録" });
      await expect(plus).toBeDisabled();
      await expect(plus).toHaveAccessibleDescription(new RegExp(`${kind}.*${number}.*登録できません`));
      await sato.picture(`contact-${number}`);
      await sato.page.keyboard.press("Escape");
      await expect(sato.page).toHaveURL(/\/contacts$/);
    }
  });

  await expect(monitor.agent("佐藤 恵子")).toContainText("通話なし");
  await expect.poll(() => monitor.desk()).toEqual({ ...quiet, open: quiet.open + 1 });
  await yamada.picture("monitor");
});

test("who has no calls yet is told how they come", async ({ login }) => {
  // No scenario calls the phone of ito.
  const { page } = await login("ito");
  await expect(page.getByText("応対はまだありません")).toBeVisible();
});

/** 担当者 of the callback that a page shows. */
function assignee(page: Page): Locator {
  return page
    .locator("dl > div")
    .filter({ hasText: /^担当者/ })
    .locator("dd");
}

import { type APIRequestContext, expect, type Page, test } from "@playwright/test";
import { type Language, picture, sizes, visit } from "./gallery";

/** What stands where there is nothing yet: what to do next. */
const nothing: Record<
  Language,
  Record<"contacts" | "callbacks" | "history" | "phonebook" | "webhooks" | "gaps", string>
> = {
  ja: {
    contacts: "通話が始まると、ここに自動で表示されます。",
    callbacks: "応対一覧で通話を開き、折り返し呼ID欄の「+」を押すと登録できます。",
    history: "期間を広げるか、検索条件を減らして、もう一度検索してください。",
    phonebook: "番号を追加するか、CSV ファイルを取り込んでください。",
    webhooks: "Webhook を作成すると、通話や折り返し呼が変わるたびに",
    gaps: "PBX との接続が切れると、その時間がここに表示されます。",
  },
  en: {
    contacts: "Calls appear here by themselves as they begin.",
    callbacks: "Open a call in Contacts and press + at Callback ID to register one.",
    history: "Search a longer period, or for less at once.",
    phonebook: "Add a number, or import a CSV file.",
    webhooks: "A webhook sends each change of a call or callback",
    gaps: "When the connection to a PBX is lost, the time is shown here.",
  },
};

/** The table's rows, or where there are none what to do next. */
async function shows(page: Page, rows: number, hint: string): Promise<void> {
  const records = page.locator("tbody tr");
  if (rows === 0) {
    await expect(page.getByText(hint)).toBeVisible();
    await expect(records).toHaveCount(0);
  } else {
    await expect(records.nth(rows - 1)).toBeVisible();
  }
}

async function newestCall(request: APIRequestContext): Promise<string> {
  const answer = await request.get("/api/v1/calls?kind=call_center&active=false&page_size=1");
  return ((await answer.json()) as { items: { request_id: string }[] }).items[0]?.request_id ?? "";
}

for (const size of sizes) {
  for (const language of ["ja", "en"] as const) {
    test(`${size} callbacks, ${language}`, async ({ browser }) => {
      const hints = nothing[language];
      const count = Number(size);
      const visitor = await visit(browser, size, language, "admin");
      const { page, context, faults } = visitor;
      const keep = async (name: string) => {
        await expect.soft(page.getByRole("alert"), `${name}: nothing is refused`).toHaveCount(0);
        await picture(page, `${name}-${size}-${language}`);
      };
      await page.goto("/contacts");
      await shows(page, Math.min(count, 50), hints.contacts);
      await keep("contacts");
      await page.goto("/callbacks");
      await shows(page, Math.min(count, 50), hints.callbacks);
      await keep("callbacks");
      await page.goto("/history");
      await shows(page, Math.min(count, 50), hints.history);
      await keep("history");
      await page.goto("/monitor");
      await expect(page.getByRole("table")).toHaveCount(3);
      await keep("monitor");
      await page.goto("/admin/accounts");
      await shows(page, 6, "");
      await keep("accounts");
      await page.goto("/admin/phonebook");
      await shows(page, Math.min(count, 3), hints.phonebook);
      await keep("phonebook");
      await page.goto("/admin/tokens");
      await shows(page, count === 0 ? 1 : 4, "");
      await keep("tokens");
      await page.goto("/admin/webhooks");
      await shows(page, Math.min(count, 3), hints.webhooks);
      await keep("webhooks");
      if (count > 0) {
        await page.goto("/admin/webhooks/2");
        await shows(page, Math.min(2 * count, 50), "");
        await keep("webhook");
        await page.locator("tbody tr").first().click();
        await expect(page.getByRole("dialog").getByRole("definition").first()).toBeVisible();
        await keep("delivery");
      }
      await page.goto("/admin/nodes");
      if (count === 0) await expect(page.getByText(hints.gaps)).toBeVisible();
      else await shows(page, 4, "");
      await keep("nodes");
      if (count > 0) {
        const call = await newestCall(context.request);
        await page.goto(`/contacts/${call}`);
        await expect(page.getByRole("table").first()).toBeVisible();
        await keep("contact");
        await page.goto(`/callbacks/${count}`);
        await expect(page.locator(".mantine-Timeline-item").first()).toBeVisible();
        await keep("callback");
        await page.goto(`/callbacks/${count - 2}`); // with a memo as long as can be
        await expect(page.locator(".mantine-Timeline-item").first()).toBeVisible();
        await keep("callback-long");
        await page.goto(`/history/${count}`);
        await expect(page.getByRole("dialog")).toBeVisible();
        await keep("record");
      }
      await context.close();
      expect(faults, "nothing goes wrong in the browser").toEqual([]);
    });
  }
}

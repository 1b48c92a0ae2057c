import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "./office";

/** Holds a page against WCAG 2.2 AA, as far as a program can. */
async function accessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
    .analyze();
  expect(
    violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`),
    what,
  ).toEqual([]);
}

for (const colorScheme of ["light", "dark"] as const) {
  test(`login and contacts are accessible (${colorScheme})`, async ({ office, login, browser }) => {
    const context = await browser.newContext({ colorScheme });
    const visitor = await context.newPage();
    await visitor.goto("/");
    await expect(visitor.getByRole("heading", { name: "ログイン" })).toBeVisible();
    await accessible(visitor, "login");
    await visitor.screenshot({ path: `artefacts/login-${colorScheme}.png` });
    await context.close();

    const sato = await login("sato");
    const { page } = sato;
    await page.emulateMedia({ colorScheme });
    await office.talk("7001", "2001", "0399990007");
    const row = page.getByRole("row", { name: "0399990007" }).first();
    await expect(row).toContainText("応答");
    await accessible(page, "contacts");
    await row.focus();
    await page.keyboard.press("Enter");
    await expect(page.getByRole("heading", { name: "種類の判定の根拠" })).toBeVisible();
    await accessible(page, "contact");
    await sato.picture(`contact-${colorScheme}`);
    await page.keyboard.press("?");
    await expect(page.getByRole("dialog", { name: "キーボードショートカット" })).toBeVisible();
    await accessible(page, "shortcuts");
  });
}

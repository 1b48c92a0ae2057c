import path from "node:path";
import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";

export const sizes = ["0", "3", "10000"] as const;
export type Size = (typeof sizes)[number];
export type Language = "ja" | "en";

/** The address of the daemon with so many callbacks. */
export function addressOf(size: Size): string {
  const address = process.env[`CALLBACKD_${size}`];
  if (!address) throw new Error(`CALLBACKD_${size} is not set: this is run by go test`);
  return address;
}

/** Somebody who looks at a daemon. What goes wrong in the browser is noted in faults. */
export interface Visitor {
  context: BrowserContext;
  page: Page;
  faults: string[];
}

/** Opens a browser in a language; with an account, logged in. */
export async function visit(browser: Browser, size: Size, language: Language, account?: string): Promise<Visitor> {
  const context = await browser.newContext({
    baseURL: addressOf(size),
    locale: language === "ja" ? "ja-JP" : "en-GB",
    reducedMotion: "reduce",
    permissions: account === undefined ? [] : ["notifications"],
    viewport: { width: 1280, height: 800 },
  });
  await context.addInitScript((l) => localStorage.setItem("callbackd.language", l), language);
  if (account !== undefined) {
    const data = { name: account, password: process.env.CALLBACKD_PASSWORD };
    const answer = await context.request.post("/api/v1/session", { data });
    expect(answer.status(), await answer.text()).toBe(200);
  }
  const page = await context.newPage();
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !message.text().startsWith("Failed to load resource"))
      faults.push(message.text());
  });
  return { context, page, faults };
}

/** How a page's colour schemes are told apart: by the colour behind the menu's current entry. */
async function menuColour(page: Page): Promise<string> {
  const current = page.locator("nav a[aria-current=page]");
  if ((await current.count()) === 0) return "";
  return current.first().evaluate((e) => getComputedStyle(e).backgroundColor);
}

/** Keeps pictures of the page as it is now, light and dark; it must fit into 1024 pixels. */
export async function picture(page: Page, name: string, height = 800): Promise<void> {
  const keep = (file: string) =>
    page.screenshot({
      path: path.join(import.meta.dirname, "../artefacts/pictures", `${file}.png`),
      animations: "disabled",
      caret: "hide",
    });
  await page.setViewportSize({ width: 1024, height: 768 });
  const spare = () => page.evaluate(() => document.documentElement.clientWidth - document.documentElement.scrollWidth);
  // What floats takes a moment to find its new place.
  await expect.soft.poll(spare, { message: `${name} fits into 1024 pixels`, timeout: 2000 }).toBeGreaterThanOrEqual(0);
  await page.setViewportSize({ width: 1280, height });
  const colours = new Set<string>();
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", colorScheme);
    colours.add(await menuColour(page));
    await keep(`${name}-${colorScheme}`);
  }
  if (!colours.has("")) {
    expect.soft(colours.size, `${name}: our own colours follow the scheme, too`).toBe(2);
    expect.soft([...colours], name).not.toContain("rgba(0, 0, 0, 0)");
  }
}

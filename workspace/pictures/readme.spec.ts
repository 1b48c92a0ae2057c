import { expect, test } from "@playwright/test";
import { picture, visit } from "./gallery";

// docs/pictures has three of them; each is less than 150 kB.
test("the pictures of the README", async ({ browser }) => {
  const { page, context, faults } = await visit(browser, "10000", "ja", "yamada");
  await page.goto("/callbacks");
  await expect(page.locator("tbody tr").nth(49)).toBeVisible();
  await picture(page, "readme-callbacks", 620);
  await page.goto("/callbacks/10000");
  await expect(page.locator(".mantine-Timeline-item").first()).toBeVisible();
  const position = page.getByRole("slider");
  const box = await position.boundingBox();
  if (box === null) throw new Error("the recording has no waveform");
  await position.click({ position: { x: box.width * 0.4, y: box.height / 2 } });
  await expect(page.getByText(/^0:1\d \/ 0:34$/)).toBeVisible();
  await picture(page, "readme-callback");
  await page.goto("/monitor");
  await expect(page.getByRole("table")).toHaveCount(3);
  await picture(page, "readme-monitor");
  await context.close();
  expect(faults).toEqual([]);
});

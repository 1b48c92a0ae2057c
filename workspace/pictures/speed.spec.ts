import { type Browser, expect, test } from "@playwright/test";
import { addressOf, visit } from "./gallery";

/** How often each is opened, in turns. */
const turns = 5;

function middle(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

/** Opens an address in a new tab and returns how many milliseconds later it is ready for a person. */
async function opened(
  context: Awaited<ReturnType<Browser["newContext"]>>,
  address: string,
  rows: number,
): Promise<number> {
  const page = await context.newPage();
  await page.goto(address, { waitUntil: "commit" });
  // By the page's own clock, which began with the navigation: all rows are drawn, and a key press is answered.
  const ready = await page.evaluate(async (wanted) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    while (document.querySelectorAll("tbody tr").length < wanted || document.body === null) await frame();
    if (wanted > 0) {
      const first = document.querySelector<HTMLElement>("tbody tr");
      first?.focus();
      first?.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
      while (document.activeElement !== document.querySelectorAll("tbody tr")[1]) await frame();
    }
    await frame();
    return performance.now();
  }, rows);
  await page.close();
  return ready;
}

test("a list of 200 rows is there within a second", async ({ browser }) => {
  const { context, page } = await visit(browser, "10000", "ja", "admin");
  await page.close();
  const list: number[] = [];
  const blank: number[] = [];
  for (let turn = 0; turn <= turns; turn++) {
    const empty = await opened(context, process.env.CALLBACKD_BLANK ?? "", 0);
    const full = await opened(context, `${addressOf("10000")}/callbacks?size=200`, 200);
    if (turn === 0) {
      process.stdout.write(
        `first time, nothing cached: empty page ${empty.toFixed()} ms, 200 rows ${full.toFixed()} ms\n`,
      );
      continue;
    }
    blank.push(empty);
    list.push(full);
  }
  process.stdout.write(
    `of ${turns}: empty page ${middle(blank).toFixed()} ms, 200 rows ${middle(list).toFixed()} ms; best ${Math.min(...blank).toFixed()} and ${Math.min(...list).toFixed()} ms\n`,
  );
  // The best, for programs of other tests may still be ending; and where even an empty page mostly takes more than
  // 50 ms, the machine is busy with something else.
  const most = Math.max(1000, 20 * middle(blank));
  expect(Math.min(...list)).toBeLessThan(most);
  await context.close();
});

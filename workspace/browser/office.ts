import path from "node:path";
import AxeBuilder from "@axe-core/playwright";
import { type BrowserContext, test as base, expect, type Page } from "@playwright/test";

/** What the phones, and the daemon, can be told. The Go test that started everything listens. */
export class Office {
  constructor(private readonly url: string) {}

  /** Has a phone call a number, from outside unless said otherwise. Returns the call's name. */
  call(to: string, how: { from?: string; number?: string; withheld?: boolean } = {}): Promise<string> {
    return this.tell("call", { from: "outside", number: "0312345678", ...how, to });
  }

  /**
   * Has an agent's phone answer the call that rings, or is going to, and returns when the two hear each other: the name
   * of the agent's end of the call.
   */
  answer(phone: string): Promise<string> {
    return this.tell("answer", { phone });
  }

  /** Waits until an end of a call has heard so many seconds of it, which its recording then has too. */
  async hear(call: string, seconds: number): Promise<void> {
    await this.tell("hear", { call, seconds });
  }

  async hangUp(call: string): Promise<void> {
    await this.tell("hangup", { call });
  }

  /** Has an agent answer a call from outside, talk for a moment, or some seconds, and the caller hang up. */
  async talk(to: string, phone: string, number: string, seconds = 0): Promise<void> {
    const call = await this.call(to, { number });
    const answered = await this.answer(phone);
    await this.hear(answered, seconds);
    await this.hangUp(call);
  }

  /** Has calls of sales in the database, past1, past2 and so on, with the numbers 0399980001 and so on. */
  async past(calls: number): Promise<void> {
    await this.tell("past", { calls });
  }

  /**
   * Has calls in the database in which a text stands wherever a PBX may put any: one of support, and one to a queue that
   * is not known. Returns their request IDs.
   */
  async odd(text: string): Promise<string[]> {
    return (await this.tell("odd", { text })).split(" ");
  }

  /** Stops the daemon, or starts it again at the same address. */
  async daemon(running: boolean): Promise<void> {
    await this.tell("daemon", { running });
  }

  /** Has the receiver of webhooks answer with a status from now on. Returns its URL. */
  receiver(status: number): Promise<string> {
    return this.tell("receiver", { status });
  }

  /** Reads one of the daemon's metrics, which has no labels. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${process.env.CALLBACKD_OPS}/metrics`)).text();
    const line = text.split("\n").find((l) => l.startsWith(`${name} `));
    if (line === undefined) throw new Error(`there is no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }

  private async tell(what: string, how: object): Promise<string> {
    const answer = await fetch(`${this.url}/${what}`, { method: "POST", body: JSON.stringify(how) });
    if (!answer.ok) throw new Error(`${what} ${JSON.stringify(how)}: ${await answer.text()}`);
    return ((await answer.json()) as { call: string }).call;
  }
}

/** What the browser was asked to show. Headless browsers show no notifications, so they are noted instead. */
export interface Shown {
  title: string;
  body: string;
  tag: string;
}

/** Someone at a browser of their own. */
export class Person {
  constructor(
    readonly context: BrowserContext,
    public page: Page,
  ) {}

  /** The notifications that a page asked for. */
  notifications(page: Page = this.page): Promise<Shown[]> {
    return page.evaluate(() => (window as unknown as { shown: Shown[] }).shown);
  }

  /** Clicks on the last notification. */
  async clickNotification(): Promise<void> {
    await this.page.evaluate(() =>
      (window as unknown as { lastShown: Notification }).lastShown.onclick?.(new Event("click")),
    );
  }

  /** Where each recording is that the page has played, in seconds. */
  positions(): Promise<number[]> {
    return this.page.evaluate(() =>
      (window as unknown as { sounds: HTMLAudioElement[] }).sounds.map((sound) => sound.currentTime),
    );
  }

  /** The count of open callbacks that are theirs, which stands before the title. */
  async mine(): Promise<number> {
    return Number(/^\((\d+)\) /.exec(await this.page.title())?.[1] ?? 0);
  }

  /** Registers a callback for the call of a number, by the + of its detail, and returns its ID. */
  async register(number: string): Promise<string> {
    await this.page.getByRole("link", { name: "応対一覧", exact: true }).click();
    await this.page.getByRole("row", { name: number }).click();
    await this.page.getByRole("button", { name: "折り返し呼を登録" }).click();
    await expect(this.page).toHaveURL(/\/callbacks\/\d+/);
    return /\d+/.exec(new URL(this.page.url()).pathname)?.[0] ?? "";
  }

  /** Keeps a picture of the page among the artefacts, which are not committed. */
  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: path.join(import.meta.dirname, "../artefacts", `${name}.png`) });
  }
}

export const password = "correct horse battery";

interface Fixtures {
  office: Office;
  /** Opens a browser and logs in: sato and suzuki (support), takahashi (sales), yamada (supervisor), admin. */
  login: (name: string) => Promise<Person>;
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that are needed from the pattern
  office: async ({}, use) => {
    await use(new Office(process.env.CALLBACKD_OFFICE ?? ""));
  },
  login: async ({ browser }, use) => {
    const people: Person[] = [];
    const faults: string[] = [];
    await use(async (name) => {
      const context = await browser.newContext({ permissions: ["notifications"] });
      await context.addInitScript(noteNotifications);
      await context.addInitScript(noteSounds);
      const page = await context.newPage();
      page.on("pageerror", (error) => faults.push(`${name}: ${error.message}`));
      page.on("console", (message) => {
        // Answers with an error status are part of some scenarios; the policy being broken is of none.
        if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
          faults.push(message.text());
      });
      await page.goto("/");
      await page.getByLabel("ログイン名").fill(name);
      await page.locator("input[name=password]").fill(password);
      await page.getByRole("button", { name: "ログイン" }).click();
      await expect(page.getByRole("navigation", { name: "メインメニュー" })).toBeVisible();
      const person = new Person(context, page);
      people.push(person);
      return person;
    });
    for (const person of people) await person.context.close();
    expect(faults, "nothing goes wrong in the browser").toEqual([]);
  },
});

function noteNotifications(): void {
  const shown: Shown[] = [];
  class Noted extends EventTarget {
    static readonly permission = "granted";
    static requestPermission = async () => "granted";
    onclick: (() => void) | null = null;
    constructor(title: string, options: { body?: string; tag?: string } = {}) {
      super();
      shown.push({ title, body: options.body ?? "", tag: options.tag ?? "" });
      (window as unknown as { lastShown: Noted }).lastShown = this;
    }
    close(): void {}
  }
  Object.assign(window, { shown, Notification: Noted });
}

/** The players of a page are not in its document; each is noted as sounds. */
function noteSounds(): void {
  const sounds: HTMLAudioElement[] = [];
  class Noted extends Audio {
    constructor(source?: string) {
      super(source);
      sounds.push(this);
    }
  }
  Object.assign(window, { sounds, Audio: Noted });
}

/** Holds what a page shows against WCAG 2.2 AA, as far as a program can, in both colour schemes. */
export async function accessible(page: Page, what: string): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", colorScheme);
    // What changes its colour slowly has no contrast to measure yet.
    await page.evaluate(() =>
      Promise.allSettled(
        document
          .getAnimations()
          .filter((animation) => animation instanceof CSSTransition)
          .map((transition) => transition.finished),
      ),
    );
    const { violations } = await new AxeBuilder({ page })
      // It would copy the styles of the waveform, which the policy refuses a copy of.
      .options({ preload: false })
      .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])
      .analyze();
    const found = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`);
    expect.soft(found, `${what} (${colorScheme})`).toEqual([]);
  }
}

export { expect };

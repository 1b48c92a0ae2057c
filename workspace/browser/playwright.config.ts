import { defineConfig } from "@playwright/test";

/**
 * Run by `go test ./cmd/callbackd -run Workspace`, which starts a PBX, phones, a database and the daemon, and says by
 * the environment where they are.
 */
export default defineConfig({
  testDir: ".",
  outputDir: "../artefacts/results",
  timeout: 240_000,
  expect: { timeout: 15_000 },
  // Scenarios share phones, which ring for one call at a time, and the calls of those before them stay: each has
  // numbers of its own, by which it finds what is its.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  reporter: [["list"]],
  use: {
    actionTimeout: 15_000,
    baseURL: process.env.CALLBACKD_URL ?? "",
    locale: "ja-JP",
    // Not the site's: times must be those of the site wherever the browser is.
    timezoneId: "America/New_York",
    viewport: { width: 1280, height: 800 },
    // What is being faded in has no contrast yet, and may be clicked before it is where it will be.
    contextOptions: { reducedMotion: "reduce" },
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env.CALLBACKD_CHROMIUM ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});

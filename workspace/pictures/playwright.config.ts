import { defineConfig } from "@playwright/test";
import browser from "../browser/playwright.config";

/** Run by `go test ./cmd/callbackd -run Pictures`, which starts daemons with 0, 3 and 10,000 callbacks. */
export default defineConfig({
  ...browser,
  testDir: ".",
  outputDir: "../artefacts/pictures-results",
  timeout: 90_000,
  use: { ...browser.use, baseURL: "" },
});

import { expect, test } from "vitest";
import routes from "./routes.json";
import { screens } from "./screens";

// The server serves the page at these addresses and answers 404 at others.
test("the server knows every screen's address", () => {
  expect(routes).toEqual(screens.map((s) => s.path));
});

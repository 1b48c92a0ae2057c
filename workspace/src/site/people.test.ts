import { expect, test } from "vitest";
import { parseWho } from "./people";

test("who did something is an account, a token, both, or the system", () => {
  expect(parseWho("sato")).toEqual({ account: "sato", token: null, system: null });
  expect(parseWho("token:crm")).toEqual({ account: null, token: "crm", system: null });
  expect(parseWho("sato (token:crm)")).toEqual({ account: "sato", token: "crm", system: null });
  expect(parseWho("system:attendant")).toEqual({ account: null, token: null, system: "attendant" });
});

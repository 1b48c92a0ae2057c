import i18next from "i18next";
import { expect, test } from "vitest";
import { ProblemError } from "../api/problem";
import { errorText } from "./ErrorMessage";

const refused = (code: string) =>
  new ProblemError({ type: "about:blank", title: "", status: 401, code, detail: "what the server says" }, null);

test("what failed because the session had ended says so, also after logging in again", () => {
  const t = i18next.getFixedT("ja", "common");
  expect(errorText(refused("unauthorized"), t)).toBe("セッションが終了していました。もう一度操作してください。");
  expect(errorText(refused("login_failed"), t)).toBe("what the server says");
});

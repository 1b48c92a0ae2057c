import { Alert, Button, Stack, Text } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { NoAnswerError, ProblemError } from "../api/problem";

/** Says what went wrong in a sentence for people: the server's own where it has one. */
export function errorText(error: unknown, t: TFunction<"common">): string {
  if (error instanceof ProblemError) {
    // The server speaks of tokens, and what it says stays on the page after its user has logged in again.
    if (error.problem.code === "unauthorized") return t("error.session");
    if (error.problem.detail === "") return t("error.unexpected");
    return error.problem.detail;
  }
  if (error instanceof NoAnswerError) return t(`error.${error.why}`);
  return t("error.unexpected");
}

/** The short code that people read to support, such as 409 or callback_exists. */
export function errorCode(error: unknown): string | null {
  return error instanceof ProblemError ? `${error.problem.status} ${error.problem.code}` : null;
}

/** An error in place of, or above, what could not be shown; with retry, the button to try again. */
export function ErrorMessage({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useTranslation();
  const code = errorCode(error);
  const after = error instanceof ProblemError ? error.retryAfter : null;
  return (
    <Alert role="alert" color="red" variant="outline" icon={<IconAlertCircle aria-hidden />} title={t("error.title")}>
      <Stack gap="xs" align="flex-start">
        <Text size="sm">
          {errorText(error, t)} {code && t("error.code", { code })}
        </Text>
        {after !== null && <Text size="sm">{t("error.retryAfter", { count: after })}</Text>}
        {retry && (
          <Button size="xs" variant="default" onClick={retry}>
            {t("action.retry")}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

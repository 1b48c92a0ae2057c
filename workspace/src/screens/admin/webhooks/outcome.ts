import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import type { Webhook, WebhookDelivery, WebhookOutcome } from "../../../api/types";
import type { Tone } from "../../../ui/Mark";

/** The state of a webhook in the words of the screen: one that fails is active, but not well. */
export type WebhookCondition = "active" | "failing" | "inactive" | "disabled";

export function conditionOf(webhook: Pick<Webhook, "state" | "failing_since">): WebhookCondition {
  return webhook.state === "active" && webhook.failing_since !== null ? "failing" : webhook.state;
}

export const conditionTones: Record<WebhookCondition, Tone> = {
  active: "good",
  failing: "busy",
  inactive: "quiet",
  disabled: "alarm",
};

export const stateTones: Record<WebhookDelivery["state"], Tone> = {
  pending: "info",
  delivered: "good",
  failed: "alarm",
  missed: "quiet",
};

/** What a delivery is of, in a word. */
export function recordText(t: TFunction<["admin", "common"]>, delivery: WebhookDelivery): string {
  if (delivery.callback_id !== null) return t("webhooks.deliveries.callback", { id: delivery.callback_id });
  return delivery.request_id ?? delivery.node ?? t("common:none");
}

/** How long a webhook may fail before it is disabled, as the contract says, in milliseconds. */
const disabledAfter = 3 * 24 * 3600_000;

export function disabledAt(failingSince: string): string {
  return new Date(Date.parse(failingSince) + disabledAfter).toISOString();
}

/** What a request has come to, and what the HTTP status was: 受信側がエラーを返しました (HTTP 500). */
export function resultText(t: TFunction<["admin", "common"]>, outcome: WebhookOutcome, status: number | null): string {
  const said = t(`webhooks.outcome.${outcome}`);
  return status === null ? said : `${said} (${t("webhooks.http", { status })})`;
}

/** What to do about it; null when nothing is to be done, or nothing is known to be. */
export function adviceText(t: TFunction<["admin", "common"]>, outcome: WebhookOutcome): string | null {
  return outcome === "delivered" ? null : t(`webhooks.advice.${outcome}`);
}

/** How long a request took: 0.03 秒. */
export function useTook(): (seconds: number | null) => string {
  const { t } = useTranslation(["admin", "common"]);
  return (seconds) =>
    seconds === null ? t("common:none") : t("webhooks.seconds", { seconds: seconds.toFixed(seconds < 10 ? 2 : 0) });
}

import { Alert, Group, Loader, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { ErrorMessage } from "../../../ui/ErrorMessage";
import { adviceText, resultText, useTook } from "./outcome";
import { useDelivery } from "./queries";

/** What came of a test, as soon as it is known. */
export function PingResult({ webhook, delivery }: { webhook: number; delivery: number }) {
  const { t } = useTranslation(["admin", "common"]);
  const took = useTook();
  const { data, error, refetch } = useDelivery(webhook, delivery);
  if (error !== null) return <ErrorMessage error={error} retry={() => void refetch()} />;
  const outcome = data?.outcome ?? null;
  if (!data || outcome === null) {
    return (
      <Alert variant="outline" role="status">
        <Group gap="sm">
          <Loader size="xs" aria-hidden />
          <Text size="sm">{t("webhooks.pingGoes")}</Text>
        </Group>
      </Alert>
    );
  }
  const what = `${resultText(t, outcome, data.http_status)} ${took(data.took_seconds)}`;
  const advice = adviceText(t, outcome);
  return (
    <Alert variant="outline" role="status" color={outcome === "delivered" ? "green" : "red"}>
      <Text size="sm" fw={600}>
        {t("webhooks.pingDone", { what })}
      </Text>
      {advice !== null && <Text size="sm">{advice}</Text>}
    </Alert>
  );
}

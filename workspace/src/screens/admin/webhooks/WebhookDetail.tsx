import { Alert, Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { isProblem } from "../../../api/problem";
import type { Webhook } from "../../../api/types";
import { usePeople } from "../../../site/people";
import { useNames } from "../../../site/plan";
import { useTimes } from "../../../site/times";
import { ErrorMessage } from "../../../ui/ErrorMessage";
import { Field, Fields } from "../../../ui/Field";
import { Loading } from "../../../ui/Loading";
import { SecretDialog } from "../../../ui/SecretDialog";
import { Deliveries } from "./Deliveries";
import { conditionOf, disabledAt, resultText } from "./outcome";
import { PingResult } from "./PingResult";
import { useWebhook } from "./queries";
import { useActions } from "./useActions";
import { WebhookDialog } from "./WebhookDialog";
import { Condition, Waiting } from "./WebhookList";

/** One webhook: what it sends where, how it is, what can be done to it, and its deliveries. */
export function WebhookDetail({ id }: { id: number }) {
  const { t } = useTranslation(["admin", "common"]);
  const webhook = useWebhook(id);
  // Somebody else may have deleted it while it was looked at.
  const gone = isProblem(webhook.error, "webhook_not_found");
  return (
    <Stack gap="md">
      <Anchor component={Link} href="/webhooks" size="sm" w="fit-content">
        <Group gap={4}>
          <IconArrowLeft size={16} aria-hidden />
          {t("webhooks.back")}
        </Group>
      </Anchor>
      {webhook.isError && (
        <ErrorMessage error={webhook.error} {...(gone ? {} : { retry: () => void webhook.refetch() })} />
      )}
      {webhook.isPending && <Loading />}
      {webhook.data && !gone && (
        <>
          <Head webhook={webhook.data} />
          <Deliveries webhook={webhook.data} />
        </>
      )}
    </Stack>
  );
}

function Head({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation(["admin", "common"]);
  const [editing, setEditing] = useState(false);
  const actions = useActions(webhook);
  return (
    <>
      <Group justify="space-between" gap="md">
        <Group gap="sm" miw={0}>
          <Title order={2} size="h4" style={{ overflowWrap: "anywhere" }}>
            {webhook.name}
          </Title>
          <Condition webhook={webhook} />
        </Group>
        <Group gap="xs">
          <Button loading={actions.pinging} onClick={actions.ping}>
            {t("webhooks.ping")}
          </Button>
          <Button variant="default" onClick={() => setEditing(true)}>
            {t("common:action.edit")}
          </Button>
          <Button variant="default" loading={actions.switching} onClick={actions.toggle}>
            {t(webhook.state === "active" ? "webhooks.pause" : "webhooks.enable")}
          </Button>
          <Button variant="default" loading={actions.rotating} onClick={actions.rotate}>
            {t("webhooks.rotate")}
          </Button>
          <Button variant="default" loading={actions.removing} onClick={actions.remove}>
            {t("webhooks.delete")}
          </Button>
        </Group>
      </Group>
      {actions.error !== null && <ErrorMessage error={actions.error} />}
      <Notice webhook={webhook} />
      {actions.pinged !== null && <PingResult key={actions.pinged} webhook={webhook.id} delivery={actions.pinged} />}
      <Facts webhook={webhook} />
      {editing && <WebhookDialog webhook={webhook} onClose={() => setEditing(false)} />}
      {actions.secret !== null && <NewSecret webhook={webhook} {...actions.secret} onClose={actions.hideSecret} />}
    </>
  );
}

function NewSecret({
  webhook,
  secret,
  until,
  onClose,
}: {
  webhook: Webhook;
  secret: string;
  until: string;
  onClose: () => void;
}) {
  const { t } = useTranslation("admin");
  const times = useTimes();
  return (
    <SecretDialog
      title={t("webhooks.secretTitle", { name: webhook.name })}
      hint={t("webhooks.secretOverlapHint", { until: times.dateTime(until) })}
      secret={secret}
      onClose={onClose}
    />
  );
}

/** Says why nothing arrives, or soon may not, and what to do. */
function Notice({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation("admin");
  const times = useTimes();
  const condition = conditionOf(webhook);
  if (condition === "active") return null;
  const colors = { failing: "orange", inactive: "gray", disabled: "red" } as const;
  return (
    <Alert variant="outline" color={colors[condition]} role="status">
      {condition === "disabled" && webhook.disabled_reason !== null && (
        <Text size="sm" fw={600}>
          {times.dateTime(webhook.disabled_at)} {t(`webhooks.reason.${webhook.disabled_reason}`)}
        </Text>
      )}
      <Text size="sm">
        {condition === "failing" && webhook.failing_since !== null
          ? t("webhooks.failingHint", {
              since: times.dateTime(webhook.failing_since),
              until: times.dateTime(disabledAt(webhook.failing_since)),
            })
          : t(condition === "disabled" ? "webhooks.disabledHint" : "webhooks.inactiveHint")}
      </Text>
    </Alert>
  );
}

function Facts({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const names = useNames();
  const people = usePeople();
  const last = webhook.last_try;
  const facts: [string, ReactNode][] = [
    [t("webhooks.url"), webhook.url],
    [t("webhooks.kinds"), webhook.kinds.map((kind) => t(`webhooks.kind.${kind}`)).join(", ")],
    [t("webhooks.callCenters"), webhook.call_centers?.map(names.callCenter).join(", ") ?? t("webhooks.all")],
    [
      t("webhooks.lastTry"),
      last === null
        ? t("webhooks.noTry")
        : `${times.dateTime(last.at)} ${resultText(t, last.outcome, last.http_status)}`,
    ],
    [t("webhooks.waiting"), <Waiting key="waiting" count={webhook.waiting} />],
    [
      t("webhooks.secret"),
      webhook.old_secret_until === null
        ? t("webhooks.secretOnce")
        : t("webhooks.secretOld", { until: times.dateTime(webhook.old_secret_until) }),
    ],
    [
      t("webhooks.updated"),
      t("webhooks.byAt", { at: times.dateTime(webhook.updated_at), who: people.who(webhook.updated_by) }),
    ],
  ];
  return (
    <Fields>
      {facts.map(([label, value]) => (
        <Field key={label} label={label}>
          <Text size="sm">{value}</Text>
        </Field>
      ))}
    </Fields>
  );
}

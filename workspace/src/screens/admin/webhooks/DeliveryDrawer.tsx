import { Anchor, Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { api, read } from "../../../api/client";
import type { Webhook, WebhookDelivery } from "../../../api/types";
import { callAddress, callbackAddress } from "../../../app/addresses";
import { useTimes } from "../../../site/times";
import { useConfirm } from "../../../ui/confirm";
import { ErrorMessage } from "../../../ui/ErrorMessage";
import { Field, Fields } from "../../../ui/Field";
import { Loading } from "../../../ui/Loading";
import { Mark } from "../../../ui/Mark";
import { adviceText, recordText, resultText, stateTones, useTook } from "./outcome";
import { useDelivery } from "./queries";

/** A delivery of the list, beside it. */
export function DeliveryDrawer({ webhook, id, onClose }: { webhook: Webhook; id: number | null; onClose: () => void }) {
  const { t } = useTranslation(["admin", "common"]);
  return (
    <Drawer
      opened={id !== null}
      onClose={onClose}
      position="right"
      size={520}
      title={id !== null && t("webhooks.deliveries.detail", { id })}
      closeButtonProps={{ "aria-label": t("common:action.close") }}
    >
      {id !== null && <Detail key={id} webhook={webhook} id={id} />}
    </Drawer>
  );
}

function Detail({ webhook, id }: { webhook: Webhook; id: number }) {
  const delivery = useDelivery(webhook.id, id);
  return (
    <Stack gap="md">
      {delivery.isPending && <Loading />}
      {delivery.isError && <ErrorMessage error={delivery.error} retry={() => void delivery.refetch()} />}
      {delivery.data && (
        <>
          <Facts delivery={delivery.data} />
          <Replay webhook={webhook} delivery={delivery.data} />
        </>
      )}
    </Stack>
  );
}

function Facts({ delivery }: { delivery: WebhookDelivery }) {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const took = useTook();
  const none = t("common:none");
  const waits = delivery.state === "pending";
  const facts: [string, ReactNode][] = [
    [
      t("webhooks.deliveries.state"),
      <Mark key="state" tone={stateTones[delivery.state]}>
        {t(`webhooks.deliveries.is.${delivery.state}`)}
      </Mark>,
    ],
    [t("webhooks.deliveries.kind"), t(`webhooks.kind.${delivery.kind}`)],
    [t("webhooks.deliveries.record"), <RecordLink key="record" delivery={delivery} />],
    [t("webhooks.deliveries.at"), times.dateTime(delivery.at)],
    [t("webhooks.deliveries.tries"), delivery.tries],
    [t("webhooks.deliveries.tried"), times.dateTime(delivery.tried_at)],
    [
      t("webhooks.deliveries.result"),
      delivery.outcome === null ? none : resultText(t, delivery.outcome, delivery.http_status),
    ],
    [t("webhooks.deliveries.took"), took(delivery.took_seconds)],
    [
      t("webhooks.deliveries.next"),
      waits && delivery.next_try_at === null ? t("webhooks.deliveries.soon") : times.dateTime(delivery.next_try_at),
    ],
    [t("webhooks.deliveries.message"), delivery.message_id],
    [t("webhooks.deliveries.change"), delivery.change ?? none],
  ];
  const advice = delivery.outcome === null ? null : adviceText(t, delivery.outcome);
  return (
    <>
      {advice !== null && <Text size="sm">{advice}</Text>}
      <Fields>
        {facts.map(([label, value]) => (
          <Field key={label} label={label}>
            <Text size="sm" component="div">
              {value}
            </Text>
          </Field>
        ))}
      </Fields>
      <Text size="sm" c="dimmed">
        {t("webhooks.deliveries.content")}
      </Text>
    </>
  );
}

/** Leads to the record on its own screen. */
function RecordLink({ delivery }: { delivery: WebhookDelivery }) {
  const { t } = useTranslation(["admin", "common"]);
  const said = recordText(t, delivery);
  if (delivery.callback_id === null && delivery.request_id === null) return said;
  const to =
    delivery.callback_id === null ? callAddress(delivery.request_id ?? "") : callbackAddress(delivery.callback_id);
  return (
    <Anchor component={Link} href={`~${to}`} size="sm">
      {said}
    </Anchor>
  );
}

function Replay({ webhook, delivery }: { webhook: Webhook; delivery: WebhookDelivery }) {
  const { t } = useTranslation(["admin", "common"]);
  const confirm = useConfirm();
  const queries = useQueryClient();
  const replay = useMutation({
    mutationFn: () =>
      read(
        api.POST("/webhooks/{id}/deliveries/{delivery_id}/replay", {
          params: { path: { id: webhook.id, delivery_id: delivery.id } },
        }),
      ),
    onSuccess: () => notifications.show({ message: t("webhooks.deliveries.replayed") }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  const active = webhook.state === "active";
  const ask = async () => {
    const again = delivery.state === "delivered";
    if (
      again &&
      !(await confirm({ message: t("webhooks.deliveries.replayConfirm"), ok: t("webhooks.deliveries.replay") }))
    )
      return;
    replay.mutate();
  };
  return (
    <>
      {replay.isError && <ErrorMessage error={replay.error} />}
      <Group gap="sm">
        <Button disabled={!active} loading={replay.isPending} onClick={() => void ask()}>
          {t("webhooks.deliveries.replay")}
        </Button>
        {!active && (
          <Text size="sm" c="dimmed">
            {t("webhooks.deliveries.off")}
          </Text>
        )}
      </Group>
    </>
  );
}

import { Button, Group, Stack } from "@mantine/core";
import { IconPlus, IconWebhook } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import type { CreatedWebhook, Webhook } from "../../../api/types";
import { useNames } from "../../../site/plan";
import { useTimes } from "../../../site/times";
import { EllipsisText } from "../../../ui/EllipsisText";
import { EmptyState } from "../../../ui/EmptyState";
import { ErrorMessage } from "../../../ui/ErrorMessage";
import { Loading } from "../../../ui/Loading";
import { Mark } from "../../../ui/Mark";
import { type Column, RecordTable } from "../../../ui/RecordTable";
import { SecretDialog } from "../../../ui/SecretDialog";
import { conditionOf, conditionTones } from "./outcome";
import { useWebhooks } from "./queries";
import { WebhookDialog } from "./WebhookDialog";

/** All webhooks, with how they are. */
export function WebhookList() {
  const { t } = useTranslation(["admin", "common"]);
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<CreatedWebhook | null>(null);
  const list = useWebhooks();
  const columns = useColumns();
  const open = useCallback((webhook: { id: number }) => navigate(`/webhooks/${webhook.id}`), [navigate]);
  const create = (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setCreating(true)}>
      {t("webhooks.create")}
    </Button>
  );
  const items = list.data?.items ?? [];
  return (
    <Stack gap="md">
      {items.length > 0 && <Group justify="flex-end">{create}</Group>}
      {list.isError && <ErrorMessage error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.data && items.length === 0 && (
        <EmptyState icon={IconWebhook} title={t("webhooks.none")} hint={t("webhooks.noneHint")} action={create} />
      )}
      {items.length > 0 && (
        <RecordTable
          label={t("webhooks.title")}
          columns={columns}
          records={items}
          keyOf={(webhook) => String(webhook.id)}
          onOpen={open}
        />
      )}
      {creating && (
        <WebhookDialog
          webhook={null}
          onCreated={(webhook) => {
            setCreating(false);
            setCreated(webhook);
            void queries.invalidateQueries({ queryKey: ["webhooks"] });
          }}
          onClose={() => setCreating(false)}
        />
      )}
      {created !== null && (
        <SecretDialog
          title={t("webhooks.secretTitle", { name: created.name })}
          hint={t("webhooks.secretHint")}
          secret={created.secret}
          onClose={() => open(created)}
        />
      )}
    </Stack>
  );
}

function useColumns(): Column<Webhook>[] {
  const { t } = useTranslation(["admin", "common"]);
  const names = useNames();
  return useMemo(
    () => [
      { name: "name", header: t("webhooks.name"), cell: (w) => <EllipsisText fw={600}>{w.name}</EllipsisText> },
      { name: "url", header: t("webhooks.url"), width: "22%", cell: (w) => <EllipsisText>{w.url}</EllipsisText> },
      {
        name: "kinds",
        header: t("webhooks.kinds"),
        cell: (w) => <EllipsisText>{w.kinds.map((kind) => t(`webhooks.kind.${kind}`)).join(", ")}</EllipsisText>,
      },
      {
        name: "call_centers",
        header: t("webhooks.callCenters"),
        cell: (w) => (
          <EllipsisText>{w.call_centers?.map(names.callCenter).join(", ") ?? t("webhooks.all")}</EllipsisText>
        ),
      },
      { name: "state", header: t("webhooks.state"), width: 130, cell: (w) => <Condition webhook={w} /> },
      { name: "last", header: t("webhooks.lastTry"), width: 190, cell: (w) => <LastTry webhook={w} /> },
      { name: "waiting", header: t("webhooks.waiting"), width: 110, cell: (w) => <Waiting count={w.waiting} /> },
    ],
    [t, names],
  );
}

/** Whether a webhook is well. */
export function Condition({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation("admin");
  const condition = conditionOf(webhook);
  return <Mark tone={conditionTones[condition]}>{t(`webhooks.is.${condition}`)}</Mark>;
}

/** When something was sent last, and whether it was taken. */
function LastTry({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const last = webhook.last_try;
  if (last === null) return t("webhooks.noTry");
  const said = last.http_status === null ? t(`webhooks.outcome.${last.outcome}`) : String(last.http_status);
  return <EllipsisText>{`${times.short(last.at)} ${said}`}</EllipsisText>;
}

/** How many deliveries wait. */
export function Waiting({ count }: { count: number }) {
  const { t } = useTranslation("admin");
  return <span>{count >= mostCounted ? t("webhooks.waitingMany") : t("webhooks.waitingCount", { count })}</span>;
}

/** The contract counts no further. */
const mostCounted = 1000;

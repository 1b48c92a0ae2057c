import { Button, Group, NativeSelect, Stack, Text, Title } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../../api/client";
import type { Webhook, WebhookDelivery } from "../../../api/types";
import { useTimes } from "../../../site/times";
import { EllipsisText } from "../../../ui/EllipsisText";
import { EmptyState } from "../../../ui/EmptyState";
import { ErrorMessage } from "../../../ui/ErrorMessage";
import { Loading } from "../../../ui/Loading";
import { Mark } from "../../../ui/Mark";
import { Paging, pageSizes } from "../../../ui/Paging";
import { usePages } from "../../../ui/pages";
import { type Column, RecordTable } from "../../../ui/RecordTable";
import { choice, text, useUrlState, whole } from "../../../ui/url-state";
import { DeliveryDrawer } from "./DeliveryDrawer";
import { recordText, stateTones, useTook } from "./outcome";
import { interval } from "./queries";
import { ReplayDialog } from "./ReplayDialog";

const states = ["pending", "delivered", "failed", "missed"] as const;
const parameters = {
  state: choice(["any", ...states], "any"),
  size: choice(pageSizes, "50"),
  page: whole(1, 1),
  after: text(),
  delivery: whole(0, 1),
};
const firstPage = { page: 1, after: "" };

/** What a webhook was, and is to be, sent. */
export function Deliveries({ webhook }: { webhook: Webhook }) {
  const { t } = useTranslation(["admin", "common"]);
  const [shown, show] = useUrlState(parameters);
  const [replaying, setReplaying] = useState(false);
  const { list, paging } = useDeliveries(webhook.id, shown, show);
  const columns = useColumns();
  const open = useLatest((delivery: WebhookDelivery) => show({ delivery: delivery.id }, { push: true }));
  const items = list.data?.items ?? [];
  const active = webhook.state === "active";
  return (
    <Stack gap="sm" component="section" aria-label={t("webhooks.deliveries.title")}>
      <Group justify="space-between" align="flex-end">
        <div>
          <Title order={3} size="h5">
            {t("webhooks.deliveries.title")}
          </Title>
          <Text size="sm" c="dimmed">
            {t("webhooks.deliveries.kept")}
          </Text>
        </div>
        <Group gap="sm">
          <NativeSelect
            aria-label={t("webhooks.deliveries.filter")}
            value={shown.state}
            data={[
              { value: "any", label: t("webhooks.deliveries.any") },
              ...states.map((value) => ({ value, label: t(`webhooks.deliveries.is.${value}`) })),
            ]}
            onChange={(e) => show({ state: parameters.state.parse(e.currentTarget.value), ...firstPage })}
          />
          <Button
            variant="default"
            disabled={!active}
            {...(active ? {} : { title: t("webhooks.deliveries.off") })}
            onClick={() => setReplaying(true)}
          >
            {t("webhooks.deliveries.replayAll")}
          </Button>
        </Group>
      </Group>
      {list.isError && <ErrorMessage error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.data && items.length === 0 && (
        <EmptyState
          icon={IconSend}
          title={t(shown.state === "any" ? "webhooks.deliveries.none" : "webhooks.deliveries.noMatch")}
          hint={t(shown.state === "any" ? "webhooks.deliveries.noneHint" : "webhooks.deliveries.noMatchHint")}
        />
      )}
      {items.length > 0 && (
        <RecordTable
          label={t("webhooks.deliveries.title")}
          columns={columns}
          records={items}
          keyOf={(delivery) => String(delivery.id)}
          selected={shown.delivery === 0 ? null : String(shown.delivery)}
          onOpen={open}
        />
      )}
      {list.data && (items.length > 0 || shown.page > 1) && <Paging {...paging} />}
      <DeliveryDrawer
        webhook={webhook}
        id={shown.delivery === 0 ? null : shown.delivery}
        onClose={() => show({ delivery: 0 })}
      />
      {replaying && <ReplayDialog webhook={webhook.id} onClose={() => setReplaying(false)} />}
    </Stack>
  );
}

type Shown = ReturnType<typeof useUrlState<typeof parameters>>[0];
type Show = ReturnType<typeof useUrlState<typeof parameters>>[1];

/** A page of the deliveries in a state, and the way to the others. */
function useDeliveries(id: number, shown: Shown, show: Show) {
  const query = {
    page_size: Number(shown.size),
    ...(shown.state !== "any" && { state: shown.state }),
    ...(shown.page > 1 && shown.after !== "" && { cursor: shown.after }),
  };
  const list = useQuery({
    queryKey: ["webhooks", "deliveries", id, query],
    queryFn: ({ signal }) => read(api.GET("/webhooks/{id}/deliveries", { params: { path: { id }, query }, signal })),
    placeholderData: keepPreviousData,
    refetchInterval: interval,
    staleTime: 0,
  });
  const pages = usePages(`webhook ${JSON.stringify([id, shown.state, shown.size])}`);
  const goTo = (page: number, after: string) => {
    pages.remember(page, after);
    show({ page, after }, { push: true });
  };
  const before = shown.page === 2 ? "" : pages.cursorOf(shown.page - 1);
  const next = list.data?.next_cursor ?? null;
  const paging = {
    page: shown.page,
    size: shown.size,
    shown: list.data?.items.length ?? 0,
    total: undefined,
    toFirst: shown.page > 1 ? () => show(firstPage, { push: true }) : null,
    toPrevious: shown.page > 1 && before !== null ? () => goTo(shown.page - 1, before) : null,
    toNext: next === null ? null : () => goTo(shown.page + 1, next),
    setSize: (size: Shown["size"]) => show({ size, ...firstPage }),
  };
  return { list, paging };
}

function useColumns(): Column<WebhookDelivery>[] {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const took = useTook();
  // biome-ignore lint/correctness/useExhaustiveDependencies: took is of t alone
  return useMemo(
    () => [
      {
        name: "state",
        header: t("webhooks.deliveries.state"),
        width: 100,
        cell: (d) => <Mark tone={stateTones[d.state]}>{t(`webhooks.deliveries.is.${d.state}`)}</Mark>,
      },
      { name: "kind", header: t("webhooks.deliveries.kind"), width: 110, cell: (d) => t(`webhooks.kind.${d.kind}`) },
      {
        name: "record",
        header: t("webhooks.deliveries.record"),
        cell: (d) => <EllipsisText>{recordText(t, d)}</EllipsisText>,
      },
      { name: "at", header: t("webhooks.deliveries.at"), width: 130, cell: (d) => times.short(d.at) },
      { name: "tries", header: t("webhooks.deliveries.tries"), width: 60, cell: (d) => d.tries },
      {
        name: "status",
        header: t("webhooks.deliveries.status"),
        width: 64,
        cell: (d) => d.http_status ?? t("common:none"),
      },
      { name: "took", header: t("webhooks.deliveries.took"), width: 90, cell: (d) => took(d.took_seconds) },
      {
        name: "result",
        header: t("webhooks.deliveries.result"),
        cell: (d) => (
          <EllipsisText>{d.outcome === null ? t("common:none") : t(`webhooks.outcome.${d.outcome}`)}</EllipsisText>
        ),
      },
      { name: "next", header: t("webhooks.deliveries.next"), width: 130, cell: (d) => times.short(d.next_try_at) },
    ],
    [t, times],
  );
}

/** The same function each time, which does what the last one given does: rows of a table are drawn anew with it. */
function useLatest<A>(f: (argument: A) => void): (argument: A) => void {
  const [latest] = useState({ f });
  latest.f = f;
  return useCallback((argument: A) => latest.f(argument), [latest]);
}

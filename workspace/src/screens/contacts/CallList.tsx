import { Anchor, Button, Group, SegmentedControl, Select, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { Call } from "../../api/types";
import { callbackAddress } from "../../app/addresses";
import { useMe } from "../../session/session";
import { useNames } from "../../site/plan";
import { useTimes } from "../../site/times";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { usePointerOver } from "../../ui/pointer";
import { type Column, RecordTable } from "../../ui/RecordTable";
import { useShortcuts } from "../../ui/shortcuts";
import { choice, text, useUrlState, type Values } from "../../ui/url-state";
import { CallState } from "./CallState";
import { type CallQuery, numberTyped, useCalls } from "./useCalls";

const kinds = ["call_center", "ring_group", "terminal", "ivr", "unknown"] as const;
const parameters = {
  scope: choice(["mine", "all"], "mine"),
  kind: choice(["", ...kinds], ""),
  number: text(),
};
type Shown = Values<typeof parameters>;

const pageSize = 50;

function queryOf(shown: Shown, endpoint: string | null): CallQuery {
  const number = numberTyped(shown.number);
  return {
    page_size: pageSize,
    ...(shown.scope === "mine" && endpoint !== null ? { agent: endpoint } : {}),
    ...(shown.kind === "" ? {} : { kind: shown.kind }),
    ...(number === "" ? {} : { number }),
  };
}

/** 応対一覧: the agent's calls, newest first. */
export function CallList({ selected, onOpen }: { selected: string | null; onOpen: (call: Call) => void }) {
  const { t } = useTranslation(["contacts", "common"]);
  const { endpoint } = useMe();
  const [shown, show] = useUrlState(parameters);
  const [frame, held] = usePointerOver<HTMLDivElement>();
  const query = queryOf(shown, endpoint);
  const list = useCalls(query, held);
  const filtered = query.kind !== undefined || query.number !== undefined;
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-end">
        <Filters shown={shown} show={show} />
        {list.unseen > 0 && held && (
          <Button size="sm" variant="default" onClick={() => void list.showNew()}>
            {t("new", { count: list.unseen })}
          </Button>
        )}
      </Group>
      {endpoint === null && (
        <Text size="sm" c="dimmed">
          {t("noPhone")}
        </Text>
      )}
      {list.isError && <ErrorMessage error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.isSuccess && list.calls.length === 0 && (
        <EmptyState
          title={t(filtered ? "noMatch.title" : "empty.title")}
          hint={t(filtered ? "noMatch.hint" : "empty.hint")}
          action={
            filtered && (
              <Button variant="default" size="xs" onClick={() => show({ kind: "", number: "" })}>
                {t("reset")}
              </Button>
            )
          }
        />
      )}
      {list.calls.length > 0 && (
        <div ref={frame}>
          <CallTable calls={list.calls} selected={selected} onOpen={onOpen} />
        </div>
      )}
      {list.hasNextPage && (
        <Group justify="center">
          <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
            {t("more")}
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Filters({ shown, show }: { shown: Shown; show: (change: Partial<Shown>) => void }) {
  const { t } = useTranslation(["contacts", "common"]);
  const { endpoint } = useMe();
  const [number, setNumber] = useState(shown.number);
  const input = useRef<HTMLInputElement>(null);
  // The address may change by the back button or a cleared filter.
  useEffect(() => setNumber(shown.number), [shown.number]);
  const search = useDebouncedCallback((typed: string) => show({ number: typed }), 300);
  useShortcuts([{ key: "/", label: t("shortcut.search"), run: () => input.current?.focus() }]);
  return (
    <Group align="flex-end" gap="sm">
      {endpoint !== null && (
        <SegmentedControl
          aria-label={t("scope.label")}
          value={shown.scope}
          onChange={(scope) => show({ scope: scope as Shown["scope"] })}
          data={[
            { value: "mine", label: t("scope.mine") },
            { value: "all", label: t("scope.all") },
          ]}
        />
      )}
      <Select
        label={t("kindFilter")}
        w={170}
        allowDeselect={false}
        value={shown.kind}
        onChange={(kind) => show({ kind: (kind ?? "") as Shown["kind"] })}
        data={[{ value: "", label: t("allKinds") }, ...kinds.map((k) => ({ value: k, label: t(`common:kind.${k}`) }))]}
      />
      <TextInput
        ref={input}
        label={t("number")}
        w={190}
        type="search"
        maxLength={40}
        value={number}
        onChange={(e) => {
          setNumber(e.currentTarget.value);
          search(e.currentTarget.value);
        }}
      />
    </Group>
  );
}

function CallTable({
  calls,
  selected,
  onOpen,
}: {
  calls: readonly Call[];
  selected: string | null;
  onOpen: (call: Call) => void;
}) {
  const { t } = useTranslation(["contacts", "common"]);
  const times = useTimes();
  const names = useNames();
  const columns: Column<Call>[] = [
    { name: "started", header: t("column.started"), width: 112, cell: (c) => times.short(c.started_at) },
    { name: "direction", header: t("column.direction"), width: 88, cell: (c) => t(`common:direction.${c.direction}`) },
    { name: "kind", header: t("column.kind"), width: 120, cell: (c) => t(`common:kind.${c.kind}`) },
    {
      name: "remote",
      header: t("column.remote"),
      width: 134,
      cell: (c) => <EllipsisText>{c.remote_number ?? t("common:withheld")}</EllipsisText>,
    },
    {
      name: "local",
      header: t("column.local"),
      width: 104,
      cell: (c) => <EllipsisText>{c.local_number ?? "-"}</EllipsisText>,
    },
    {
      name: "callCenter",
      header: t("column.callCenter"),
      cell: (c) => <EllipsisText>{names.callCenter(c.call_center)}</EllipsisText>,
    },
    { name: "state", header: t("column.state"), width: 140, cell: (c) => <CallState call={c} /> },
    { name: "talk", header: t("column.talk"), width: 84, cell: (c) => times.duration(c.talk_seconds) },
    { name: "callback", header: t("column.callback"), width: 108, cell: (c) => <CallbackLink id={c.callback_id} /> },
  ];
  return (
    <RecordTable
      label={t("list")}
      columns={columns}
      records={calls}
      keyOf={(c) => c.request_id}
      selected={selected}
      onOpen={onOpen}
      active={selected === null}
    />
  );
}

export function CallbackLink({ id }: { id: number | null }) {
  const { t } = useTranslation("contacts");
  if (id === null) return <>-</>;
  return (
    <Anchor
      component={Link}
      href={`~${callbackAddress(id)}`}
      size="sm"
      aria-label={t("openCallback", { id })}
      onClick={(e: React.MouseEvent) => e.stopPropagation()}
    >
      {id}
    </Anchor>
  );
}

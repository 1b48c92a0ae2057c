import { Box, Button, Stack } from "@mantine/core";
import { useCallbackRef } from "@mantine/hooks";
import { useMemo, useRef } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { Callback } from "../../api/types";
import { useCallbackColumns } from "../../callbacks/columns";
import { firstPage, useCallbackList } from "../../callbacks/useCallbackList";
import { PlayButton } from "../../player/PlayButton";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Paging } from "../../ui/Paging";
import { RecordTable } from "../../ui/RecordTable";
import { useShortcuts } from "../../ui/shortcuts";
import { filterCount, filtersOf, noFilters, useListState } from "./query";
import { Toolbar } from "./Toolbar";
import { useNewCount } from "./useNewCount";
import { useRowActions } from "./useRowActions";

/** 折り返し呼一覧. It stays as it was while a tab lies over it; active says that none does. */
export function List({ active, onOpen }: { active: boolean; onOpen: (id: number) => void }) {
  const { t } = useTranslation(["callbacks", "common"]);
  const [state, show] = useListState();
  const filters = useMemo(() => filtersOf(state), [state]);
  const { list, paging } = useCallbackList(filters, state, show);
  const newCount = useNewCount(filters, list.isPlaceholderData ? undefined : list.data?.change);
  const find = useRef<HTMLInputElement>(null);
  const items = list.data?.items ?? [];
  const actions = useRowActions(items, active);

  const reload = () => {
    if (newCount > 0 && state.page > 1) show(firstPage);
    else void list.refetch();
  };
  useShortcuts([
    { key: "/", label: t("key.find"), run: () => find.current?.focus(), disabled: !active },
    { key: "r", label: t("key.reload"), run: reload, disabled: !active },
  ]);
  const columns = useListColumns();
  const open = useCallbackRef((callback: Callback) => onOpen(callback.id));

  return (
    <Stack gap="md">
      <Toolbar
        state={state}
        show={show}
        findRef={find}
        newCount={newCount}
        reload={reload}
        reloading={list.isFetching && !list.isPending}
      />
      {list.isError && <ErrorMessage error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.data && items.length === 0 && (
        <Nothing page={state.page} narrowed={state.q !== "" || filterCount(state) > 0} />
      )}
      {items.length > 0 && (
        <Box opacity={list.isPlaceholderData ? 0.6 : 1} aria-busy={list.isPlaceholderData}>
          <RecordTable
            label={t("list.label")}
            columns={columns}
            records={items}
            keyOf={keyOf}
            onOpen={open}
            active={active}
          />
        </Box>
      )}
      {list.data && (items.length > 0 || state.page > 1) && <Paging {...paging} />}
      {actions.dialogs}
    </Stack>
  );
}

const keyOf = (callback: Callback) => String(callback.id);

function useListColumns() {
  const { t } = useTranslation(["player", "callback"]);
  const c = useCallbackColumns();
  return useMemo(
    () => [
      c.status,
      c.id,
      c.registered_at,
      c.remote_number,
      c.remote_name,
      c.call_center,
      c.business_label,
      c.assignee,
      c.memo,
      {
        name: "recording",
        header: <span title={t("player:playback")}>{t("callback:field.recording_column")}</span>,
        width: 48,
        cell: (callback: Callback, tabIndex: 0 | -1) => <PlayButton callback={callback} tabIndex={tabIndex} />,
      },
    ],
    [c, t],
  );
}

function Nothing({ page, narrowed }: { page: number; narrowed: boolean }) {
  const { t } = useTranslation("callbacks");
  const [, show] = useListState();
  if (page > 1) {
    return (
      <EmptyState
        title={t("list.pastEnd")}
        hint={t("list.pastEndHint")}
        action={
          <Button variant="default" onClick={() => show(firstPage)}>
            {t("list.toFirst")}
          </Button>
        }
      />
    );
  }
  if (narrowed) {
    return (
      <EmptyState
        title={t("list.noMatch")}
        hint={t("list.noMatchHint")}
        action={
          <Button variant="default" onClick={() => show(noFilters)}>
            {t("list.clear")}
          </Button>
        }
      />
    );
  }
  return (
    <EmptyState
      title={t("list.none")}
      hint={t("list.noneHint")}
      action={
        <Button variant="default" component={Link} href="~/contacts">
          {t("list.toContacts")}
        </Button>
      }
    />
  );
}

import { Box, Group, Stack, Title } from "@mantine/core";
import { useCallbackRef } from "@mantine/hooks";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useRoute, useSearch } from "wouter";
import type { Callback } from "../../api/types";
import { useCallbackColumns } from "../../callbacks/columns";
import { firstPage, useCallbackList } from "../../callbacks/useCallbackList";
import { addTexts } from "../../i18n";
import { useTimes } from "../../site/times";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { Paging } from "../../ui/Paging";
import { RecordTable } from "../../ui/RecordTable";
import { chosen, useUrlState } from "../../ui/url-state";
import { ExportButton } from "./ExportButton";
import en from "./en.json";
import ja from "./ja.json";
import { RecordDrawer } from "./RecordDrawer";
import { SearchForm } from "./SearchForm";
import { parameters, queryOf, searchOf } from "./search";

addTexts("history", { ja, en });

/** 折り返し呼履歴. */
export default function History() {
  const { t } = useTranslation(["history", "common"]);
  const times = useTimes();
  const [state, show] = useUrlState(parameters);
  const search = useMemo(() => searchOf(state), [state]);
  const filters = useMemo(() => queryOf(search, times), [search, times]);
  const { list, paging } = useCallbackList(filters, state, show);
  const [id, open] = useRecord();
  const items = list.data?.items ?? [];
  const columns = useColumns();
  const onOpen = useCallbackRef((callback: Callback) => open(callback.id));
  return (
    <Page title={t("title")}>
      <SearchForm
        search={search}
        onSearch={(wanted) => {
          const same = state.page === 1 && JSON.stringify(queryOf(wanted, times)) === JSON.stringify(filters);
          // The same conditions again ask what matches now.
          if (same) void list.refetch();
          else show({ ...wanted, ...firstPage }, { push: true });
        }}
      />
      <Group justify="space-between">
        <Title order={2} size="h5">
          {t("result")}
        </Title>
        <ExportButton query={filters} />
      </Group>
      {list.isError && <ErrorMessage error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.data && items.length === 0 && <EmptyState title={t("none")} hint={t("noneHint")} />}
      {items.length > 0 && (
        <Stack gap="md">
          <Box opacity={list.isPlaceholderData ? 0.6 : 1} aria-busy={list.isPlaceholderData}>
            <RecordTable
              label={t("result")}
              columns={columns}
              records={items}
              keyOf={keyOf}
              selected={id === null ? null : String(id)}
              onOpen={onOpen}
            />
          </Box>
          <Paging {...paging} />
        </Stack>
      )}
      <RecordDrawer id={id} onClose={() => open(null)} />
    </Page>
  );
}

const keyOf = (callback: Callback) => String(callback.id);

/** The record that is open; its address is /history/42. */
function useRecord(): [number | null, (id: number | null) => void] {
  const [, navigate] = useLocation();
  const search = useSearch();
  const [, match] = useRoute<{ id: string }>("/:id");
  const id = match && /^[1-9]\d{0,14}$/.test(match.id) ? Number(match.id) : null;
  const open = (to: number | null) =>
    navigate((to === null ? "" : `/${to}`) + (search === "" ? "" : `?${search}`), { state: chosen });
  return [id, open];
}

function useColumns() {
  const { t } = useTranslation("callback");
  const c = useCallbackColumns();
  return useMemo(
    () => [
      c.status,
      c.id,
      c.registered_at,
      c.remote_number,
      c.remote_name,
      {
        name: "local_number",
        header: t("field.local_number"),
        width: 78,
        cell: (callback: Callback) => <EllipsisText>{callback.local_number ?? "-"}</EllipsisText>,
      },
      c.call_center,
      c.business_label,
      c.assignee,
      c.memo,
    ],
    [c, t],
  );
}

import { Button, Group, Stack, TextInput } from "@mantine/core";
import { useDebouncedCallback } from "@mantine/hooks";
import { IconAddressBook, IconDownload, IconPlus, IconSearch, IconUpload } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import type { PhonebookEntry } from "../../api/types";
import { useTimes } from "../../site/times";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Paging, pageSizes } from "../../ui/Paging";
import { usePages } from "../../ui/pages";
import { type Column, RecordTable } from "../../ui/RecordTable";
import { choice, text, useUrlState, whole } from "../../ui/url-state";
import { EntryDialog } from "./EntryDialog";
import { ImportDialog } from "./ImportDialog";

const parameters = { q: text(), size: choice(pageSizes, "50"), page: whole(1, 1), after: text() };

/** 共通電話帳: whose numbers are. */
export function Phonebook() {
  const { t } = useTranslation(["admin", "common"]);
  const [state, show] = useUrlState(parameters);
  const [edited, setEdited] = useState<PhonebookEntry | "new" | null>(null);
  const [importing, setImporting] = useState(false);
  const q = state.q.trim();
  const query = {
    ...(q !== "" && { q }),
    ...(state.page > 1 && state.after !== "" && { cursor: state.after }),
    page_size: Number(state.size),
    total: true,
  };
  const list = useQuery({
    queryKey: ["phonebook", "list", query],
    queryFn: ({ signal }) => read(api.GET("/phonebook", { params: { query }, signal })),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
  const pages = usePages(`phonebook ${JSON.stringify([q, state.size])}`);
  const toPage = (page: number, after: string) => {
    pages.remember(page, after);
    show({ page, after }, { push: true });
  };
  const columns = useColumns();
  const items = list.data?.items ?? [];
  const next = list.data?.next_cursor ?? null;
  const before = state.page === 2 ? "" : pages.cursorOf(state.page - 1);
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <FindField q={state.q} find={(sought) => show({ q: sought, page: 1, after: "" })} />
        <Group gap="sm">
          <Button
            component="a"
            href="/api/v1/phonebook.csv"
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden />}
          >
            {t("phonebook.export")}
          </Button>
          <Button
            variant="default"
            leftSection={<IconUpload size={16} aria-hidden />}
            onClick={() => setImporting(true)}
          >
            {t("phonebook.import")}
          </Button>
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited("new")}>
            {t("phonebook.create")}
          </Button>
        </Group>
      </Group>
      {list.isError && <ErrorMessage error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && <Loading />}
      {list.data && items.length === 0 && (
        <EmptyState
          icon={IconAddressBook}
          title={t(q === "" ? "phonebook.none" : "phonebook.noMatch")}
          hint={t(q === "" ? "phonebook.noneHint" : "phonebook.noMatchHint")}
        />
      )}
      {items.length > 0 && (
        <RecordTable
          label={t("phonebook.title")}
          columns={columns}
          records={items}
          keyOf={(entry) => String(entry.id)}
          onOpen={setEdited}
        />
      )}
      {list.data && (items.length > 0 || state.page > 1) && (
        <Paging
          page={state.page}
          size={state.size}
          shown={items.length}
          total={list.data.total}
          toFirst={state.page > 1 ? () => show({ page: 1, after: "" }, { push: true }) : null}
          toPrevious={state.page > 1 && before !== null ? () => toPage(state.page - 1, before) : null}
          toNext={next !== null ? () => toPage(state.page + 1, next) : null}
          setSize={(size) => show({ size, page: 1, after: "" })}
        />
      )}
      {edited !== null && <EntryDialog entry={edited === "new" ? null : edited} onClose={() => setEdited(null)} />}
      {importing && <ImportDialog onClose={() => setImporting(false)} />}
    </Stack>
  );
}

function FindField({ q, find }: { q: string; find: (q: string) => void }) {
  const { t } = useTranslation("admin");
  const [typed, setTyped] = useState(q);
  const soon = useDebouncedCallback(find, 300);
  return (
    <TextInput
      aria-label={t("phonebook.find")}
      placeholder={t("phonebook.find")}
      leftSection={<IconSearch size={16} aria-hidden />}
      w={320}
      maxLength={200}
      value={typed}
      onChange={(e) => {
        setTyped(e.currentTarget.value);
        soon(e.currentTarget.value);
      }}
    />
  );
}

function useColumns(): Column<PhonebookEntry>[] {
  const { t } = useTranslation("admin");
  const times = useTimes();
  return useMemo(
    () => [
      { name: "number", header: t("phonebook.number"), width: 200, cell: (e) => e.number_as_written },
      { name: "name", header: t("phonebook.name"), cell: (e) => <EllipsisText>{e.name}</EllipsisText> },
      { name: "note", header: t("phonebook.note"), cell: (e) => <EllipsisText>{e.note}</EllipsisText> },
      { name: "updated", header: t("phonebook.updated"), width: 160, cell: (e) => times.short(e.updated_at) },
    ],
    [t, times],
  );
}

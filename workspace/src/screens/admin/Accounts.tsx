import { Button, Group, Stack, Switch, TextInput } from "@mantine/core";
import { IconPlus, IconSearch, IconUser } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { type Account, useAccounts } from "../../site/people";
import { useNames } from "../../site/plan";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Mark } from "../../ui/Mark";
import { type Column, RecordTable } from "../../ui/RecordTable";
import { flag, text, useUrlState } from "../../ui/url-state";
import { AccountDialog } from "./AccountDialog";

const parameters = { q: text(), disabled: flag() };

/** The accounts of people. They are disabled, never deleted: their names stay on records. */
export function Accounts() {
  const { t } = useTranslation(["admin", "common"]);
  const [state, show] = useUrlState(parameters);
  const [edited, setEdited] = useState<Account | "new" | null>(null);
  const accounts = useAccounts();
  const columns = useColumns();
  const shown = (accounts.data ?? []).filter((a) => (state.disabled || a.enabled) && matches(a, state.q));
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <Group gap="md">
          <TextInput
            aria-label={t("accounts.find")}
            placeholder={t("accounts.find")}
            leftSection={<IconSearch size={16} aria-hidden />}
            w={280}
            value={state.q}
            onChange={(e) => show({ q: e.currentTarget.value })}
          />
          <Switch
            label={t("accounts.showDisabled")}
            checked={state.disabled}
            onChange={(e) => show({ disabled: e.currentTarget.checked })}
          />
        </Group>
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setEdited("new")}>
          {t("accounts.create")}
        </Button>
      </Group>
      {accounts.isError && <ErrorMessage error={accounts.error} retry={() => void accounts.refetch()} />}
      {accounts.isPending && <Loading />}
      {accounts.data && shown.length === 0 && (
        <EmptyState icon={IconUser} title={t("accounts.none")} hint={t("accounts.noneHint")} />
      )}
      {shown.length > 0 && (
        <RecordTable
          label={t("accounts.title")}
          columns={columns}
          records={shown}
          keyOf={(a) => String(a.id)}
          onOpen={setEdited}
        />
      )}
      {edited !== null && <AccountDialog account={edited === "new" ? null : edited} onClose={() => setEdited(null)} />}
    </Stack>
  );
}

function matches(account: Account, q: string): boolean {
  const sought = q.trim().toLowerCase();
  return [account.name, account.display_name, account.endpoint ?? ""].some((s) => s.toLowerCase().includes(sought));
}

function useColumns(): Column<Account>[] {
  const { t } = useTranslation(["admin", "common"]);
  const names = useNames();
  return useMemo(
    () => [
      { name: "name", header: t("accounts.name"), cell: (a) => <EllipsisText>{a.name}</EllipsisText> },
      {
        name: "display_name",
        header: t("accounts.displayName"),
        cell: (a) => <EllipsisText>{a.display_name}</EllipsisText>,
      },
      { name: "role", header: t("accounts.role"), width: 140, cell: (a) => t(`common:role.${a.role}`) },
      {
        name: "call_centers",
        header: t("accounts.callCenters"),
        cell: (a) => (
          <EllipsisText>
            {a.role === "admin" ? t("accounts.all") : a.call_centers.map(names.callCenter).join(", ") || "-"}
          </EllipsisText>
        ),
      },
      {
        name: "endpoint",
        header: t("accounts.endpoint"),
        width: 160,
        cell: (a) => <EllipsisText>{a.endpoint ?? "-"}</EllipsisText>,
      },
      {
        name: "enabled",
        header: t("accounts.state"),
        width: 100,
        cell: (a) => (
          <Mark tone={a.enabled ? "good" : "quiet"}>{t(a.enabled ? "accounts.enabled" : "accounts.disabled")}</Mark>
        ),
      },
    ],
    [t, names],
  );
}

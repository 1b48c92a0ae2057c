import { Button, Group, Stack, Table, VisuallyHidden } from "@mantine/core";
import { IconKey, IconPlus } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import type { components } from "../../api/schema.gen";
import { useNames } from "../../site/plan";
import { useTimes } from "../../site/times";
import { useConfirm } from "../../ui/confirm";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Mark } from "../../ui/Mark";
import { SecretDialog } from "../../ui/SecretDialog";
import { TokenDialog } from "./TokenDialog";

type Token = components["schemas"]["Token"];
type CreatedToken = components["schemas"]["CreatedToken"];

/** The API tokens of other systems. A secret is shown once, when it is created. */
export function Tokens() {
  const { t } = useTranslation(["admin", "common"]);
  const queries = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [created, setCreated] = useState<CreatedToken | null>(null);
  const tokens = useQuery({
    queryKey: ["tokens"],
    queryFn: ({ signal }) => read(api.GET("/tokens", { signal })),
    staleTime: 0,
  });
  const whenCreated = (token: CreatedToken) => {
    setCreating(false);
    setCreated(token);
    void queries.invalidateQueries({ queryKey: ["tokens"] });
  };
  return (
    <Stack gap="md">
      <Group justify="flex-end">
        <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setCreating(true)}>
          {t("tokens.create")}
        </Button>
      </Group>
      {tokens.isError && <ErrorMessage error={tokens.error} retry={() => void tokens.refetch()} />}
      {tokens.isPending && <Loading />}
      {tokens.data?.items.length === 0 && (
        <EmptyState icon={IconKey} title={t("tokens.none")} hint={t("tokens.noneHint")} />
      )}
      {tokens.data && tokens.data.items.length > 0 && <TokenTable tokens={tokens.data.items} />}
      {creating && <TokenDialog onCreated={whenCreated} onClose={() => setCreating(false)} />}
      {created !== null && (
        <SecretDialog
          title={t("tokens.secretTitle", { name: created.name })}
          hint={t("tokens.secretHint")}
          secret={created.secret}
          onClose={() => setCreated(null)}
        />
      )}
    </Stack>
  );
}

function TokenTable({ tokens }: { tokens: readonly Token[] }) {
  const { t } = useTranslation(["admin", "common"]);
  return (
    <Table aria-label={t("tokens.title")} verticalSpacing="xs">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t("tokens.name")}</Table.Th>
          <Table.Th scope="col">{t("tokens.role")}</Table.Th>
          <Table.Th scope="col">{t("tokens.callCenters")}</Table.Th>
          <Table.Th scope="col">{t("tokens.expires")}</Table.Th>
          <Table.Th scope="col">{t("tokens.lastUsed")}</Table.Th>
          <Table.Th scope="col">{t("tokens.state")}</Table.Th>
          <Table.Th scope="col">
            <VisuallyHidden>{t("tokens.revoke")}</VisuallyHidden>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {tokens.map((token) => (
          <TokenRow key={token.id} token={token} />
        ))}
      </Table.Tbody>
    </Table>
  );
}

function TokenRow({ token }: { token: Token }) {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const names = useNames();
  const confirm = useConfirm();
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => read(api.DELETE("/tokens/{id}", { params: { path: { id: token.id } } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["tokens"] }),
  });
  const ask = async () => {
    const message = t("tokens.revokeConfirm", { name: token.name });
    if (await confirm({ message, ok: t("tokens.revoke"), danger: true })) revoke.mutate();
  };
  const state = stateOf(token);
  return (
    <Table.Tr>
      <Table.Th scope="row">
        <EllipsisText fw={600}>{token.name}</EllipsisText>
      </Table.Th>
      <Table.Td>
        {t(`common:role.${token.role}`)} {token.may_act_for_accounts && `(${t("tokens.actingShort")})`}
      </Table.Td>
      <Table.Td>{token.call_centers?.map(names.callCenter).join(", ") ?? t("tokens.all")}</Table.Td>
      <Table.Td>{token.expires_at === null ? t("tokens.never") : times.dateTime(token.expires_at)}</Table.Td>
      <Table.Td>{times.short(token.last_used_at)}</Table.Td>
      <Table.Td>
        <Mark tone={state === "valid" ? "good" : "quiet"}>{t(`tokens.${state}`)}</Mark>
      </Table.Td>
      <Table.Td ta="right">
        {state === "valid" && (
          <Button
            size="compact-sm"
            variant="default"
            loading={revoke.isPending}
            aria-label={`${token.name} ${t("tokens.revoke")}`}
            onClick={() => void ask()}
          >
            {t("tokens.revoke")}
          </Button>
        )}
        {revoke.isError && <ErrorMessage error={revoke.error} />}
      </Table.Td>
    </Table.Tr>
  );
}

function stateOf(token: Token): "valid" | "expired" | "revoked" {
  if (token.revoked_at !== null) return "revoked";
  return token.expires_at !== null && Date.parse(token.expires_at) <= Date.now() ? "expired" : "valid";
}

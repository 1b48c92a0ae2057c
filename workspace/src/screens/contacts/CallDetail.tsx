import { ActionIcon, Anchor, Card, CopyButton, Group, Stack, Table, Text, Title, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy, IconPlus } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { api, read } from "../../api/client";
import { isProblem } from "../../api/problem";
import type { CallDetail as Detail } from "../../api/types";
import { callAddress } from "../../app/addresses";
import { useNames } from "../../site/plan";
import { useTimes } from "../../site/times";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { useShortcuts } from "../../ui/shortcuts";
import { CallbackLink } from "./CallList";
import { CallState } from "./CallState";
import classes from "./contacts.module.css";
import { useRegister } from "./register";

/** 応対詳細: all that is known of a call, and the + that registers a callback for it. */
export function CallDetail({ requestID }: { requestID: string }) {
  const call = useQuery({
    queryKey: ["calls", "one", requestID],
    queryFn: ({ signal }) =>
      read(api.GET("/calls/{request_id}", { params: { path: { request_id: requestID } }, signal })),
  });
  if (call.isPending) return <Loading />;
  if (call.isError) return <ErrorMessage error={call.error} retry={() => void call.refetch()} />;
  return (
    <Stack gap="md">
      <Card withBorder padding="md">
        <Fields call={call.data} />
      </Card>
      <Receipt call={call.data} />
      <Legs call={call.data} />
    </Stack>
  );
}

function Fields({ call }: { call: Detail }) {
  const { t } = useTranslation(["contacts", "common"]);
  const times = useTimes();
  const names = useNames();
  return (
    <dl className={classes.fields}>
      <Field name={t("field.callback")}>
        <CallbackField call={call} />
      </Field>
      <Field name={t("field.state")}>
        <CallState call={call} />
      </Field>
      <Field name={t("field.direction")}>{t(`common:direction.${call.direction}`)}</Field>
      <Field name={t("field.kind")}>{t(`common:kind.${call.kind}`)}</Field>
      <Field name={t("field.remote")}>{call.remote_number ?? t("common:withheld")}</Field>
      <Field name={t("field.local")}>{call.local_number ?? "-"}</Field>
      <Field name={t("field.callCenter")}>{names.callCenter(call.call_center)}</Field>
      <Field name={t("field.label")}>{names.businessLabel(call.business_label)}</Field>
      <Field name={t("field.agent")}>{call.agents.length > 0 ? call.agents.join(", ") : "-"}</Field>
      <Field name={t("field.started")}>{times.dateTime(call.started_at)}</Field>
      <Field name={t("field.answered")}>{times.dateTime(call.answered_at)}</Field>
      <Field name={t("field.ended")}>{times.dateTime(call.ended_at)}</Field>
      <Field name={t("field.wait")}>{times.duration(call.wait_seconds)}</Field>
      <Field name={t("field.talk")}>{times.duration(call.talk_seconds)}</Field>
      <Field name={t("field.requestID")}>
        <RequestID id={call.request_id} />
      </Field>
      {call.merged_into && (
        <Field name={t("field.mergedInto")}>
          <Anchor component={Link} href={`~${callAddress(call.merged_into)}`} size="sm" className={classes.id ?? ""}>
            {call.merged_into}
          </Anchor>
        </Field>
      )}
    </dl>
  );
}

function Field({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** The callback of the call, or the + that registers one; disabled, with the reason, where none can be. */
function CallbackField({ call }: { call: Detail }) {
  const { t } = useTranslation("contacts");
  const register = useRegister();
  const reason = useId();
  const may = call.callback_id === null && call.callback_allowed;
  useShortcuts([
    { key: "r", label: t("shortcut.register"), run: () => register.mutate(call), disabled: !may || register.isPending },
  ]);
  if (call.callback_id !== null) return <CallbackLink id={call.callback_id} />;
  return (
    <Stack gap={4} align="flex-start">
      <ActionIcon
        size="lg"
        aria-label={t("register")}
        aria-describedby={call.callback_refusal ? reason : undefined}
        disabled={!may}
        loading={register.isPending}
        onClick={() => register.mutate(call)}
      >
        <IconPlus size={18} aria-hidden />
      </ActionIcon>
      {call.callback_refusal && (
        <Text size="sm" id={reason}>
          {call.callback_refusal}
        </Text>
      )}
      {register.isError && !isProblem(register.error, "callback_exists") && <ErrorMessage error={register.error} />}
    </Stack>
  );
}

function RequestID({ id }: { id: string }) {
  const { t } = useTranslation();
  return (
    <Group gap={4} wrap="nowrap">
      <span className={classes.id}>{id}</span>
      <CopyButton value={id}>
        {({ copied, copy }) => (
          <Tooltip label={t(copied ? "action.copied" : "action.copy")}>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t(copied ? "action.copied" : "action.copy")}
              onClick={copy}
            >
              {copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}

/** What told the kind of the call, in words for people; a rule that the page does not know yet is shown as it is. */
function Receipt({ call }: { call: Detail }) {
  const { t, i18n } = useTranslation(["contacts", "common"]);
  const times = useTimes();
  const ruleText = (rule: string) =>
    i18n.exists(`contacts:rule.${rule}`) ? t(`rule.${rule}` as "rule.terminal_dial") : rule;
  return (
    <Card withBorder padding="md" component="section">
      <Title order={2} size="h5" mb="xs">
        {t("receipt.title")}
      </Title>
      {call.receipt.length === 0 && <Text size="sm">{t("receipt.none")}</Text>}
      {call.receipt.length > 0 && (
        <Table aria-label={t("receipt.title")}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{t("receipt.at")}</Table.Th>
              <Table.Th scope="col">{t("column.kind")}</Table.Th>
              <Table.Th scope="col">{t("receipt.what")}</Table.Th>
              <Table.Th scope="col">{t("receipt.value")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {call.receipt.map((signal) => (
              <Table.Tr key={`${signal.at} ${signal.channel} ${signal.rule} ${signal.value}`}>
                <Table.Td>{times.time(signal.at)}</Table.Td>
                <Table.Td>{t(`common:kind.${signal.kind}`)}</Table.Td>
                <Table.Td>{ruleText(signal.rule)}</Table.Td>
                <Table.Td className={classes.id ?? ""}>{signal.value ?? "-"}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Card>
  );
}

function Legs({ call }: { call: Detail }) {
  const { t } = useTranslation("contacts");
  const times = useTimes();
  return (
    <Card withBorder padding="md" component="section">
      <Title order={2} size="h5" mb="xs">
        {t("legs.title")}
      </Title>
      <Table aria-label={t("legs.title")}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t("legs.endpoint")}</Table.Th>
            <Table.Th scope="col">{t("legs.started")}</Table.Th>
            <Table.Th scope="col">{t("legs.answered")}</Table.Th>
            <Table.Th scope="col">{t("legs.ended")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {call.legs.map((leg) => (
            <Table.Tr key={leg.channel}>
              <Table.Td>
                {leg.endpoint} {leg.trunk && `(${t("legs.trunk")})`}
              </Table.Td>
              <Table.Td>{times.time(leg.started_at)}</Table.Td>
              <Table.Td>{times.time(leg.answered_at)}</Table.Td>
              <Table.Td>{times.time(leg.ended_at)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

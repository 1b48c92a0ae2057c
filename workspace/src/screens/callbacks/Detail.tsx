import { ActionIcon, Button, Card, CopyButton, Group, SimpleGrid, Stack, Text } from "@mantine/core";
import { IconArrowLeft, IconCheck, IconCopy, IconExternalLink } from "@tabler/icons-react";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { CallbackDetail } from "../../api/types";
import { callAddress } from "../../app/addresses";
import { askedByCaller } from "../../callbacks/asked";
import { CallbackConflict, type Conflict } from "../../callbacks/CallbackConflict";
import { useCallback } from "../../callbacks/change";
import { Recordings } from "../../player/Recordings";
import { usePeople } from "../../site/people";
import { useNames } from "../../site/plan";
import { useTimes } from "../../site/times";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Field, Fields } from "../../ui/Field";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { useShortcuts } from "../../ui/shortcuts";
import { AssigneeField } from "./AssigneeField";
import { ContactField, useContactEditor } from "./ContactField";
import { History } from "./History";
import { Memo, useMemoEditor } from "./Memo";
import { OtherOpen } from "./OtherOpen";
import { StatusField } from "./StatusField";

/** 折り返し呼詳細. */
export function Detail({ id, toList }: { id: number; toList: () => void }) {
  const { t } = useTranslation(["callbacks", "common"]);
  const callback = useCallback(id);
  useShortcuts([{ key: "Escape", label: t("key.list"), run: toList }]);
  return (
    <Page
      title={t("detailTitle", { id })}
      aside={
        <Button size="xs" variant="default" leftSection={<IconArrowLeft size={14} aria-hidden />} onClick={toList}>
          {t("key.list")}
        </Button>
      }
    >
      {callback.isPending && <Loading />}
      {callback.isError && <ErrorMessage error={callback.error} retry={() => void callback.refetch()} />}
      {callback.data && <Record callback={callback.data} />}
    </Page>
  );
}

function Record({ callback }: { callback: CallbackDetail }) {
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const memo = useMemoEditor(callback);
  const contact = useContactEditor(callback);
  const done = () => {
    if (conflict) {
      memo.goOn(conflict.now);
      contact.goOn(conflict.now);
    }
    setConflict(null);
  };
  return (
    <>
      <SimpleGrid cols={2} spacing="md" style={{ alignItems: "start" }}>
        <Card withBorder padding="md">
          <Fields>
            <StatusField callback={callback} onConflict={setConflict} />
            <AssigneeField callback={callback} onConflict={setConflict} />
            <Party callback={callback}>
              <ContactField callback={callback} editor={contact} onConflict={setConflict} />
            </Party>
            <Facts callback={callback} />
            <Origin callback={callback} />
          </Fields>
        </Card>
        <Stack gap="md">
          <Card withBorder padding="md">
            <Memo callback={callback} editor={memo} onConflict={setConflict} />
          </Card>
          <Card withBorder padding="md">
            <Recordings callback={callback} />
          </Card>
          <Card withBorder padding="md">
            <History id={callback.id} />
          </Card>
        </Stack>
      </SimpleGrid>
      <CallbackConflict conflict={conflict} typed={memo.unsaved || contact.unsaved} onDone={done} />
    </>
  );
}

/** Who is to be called back, in the order of the manual, and with what follows from it. */
function Party({ callback, children }: { callback: CallbackDetail; children: ReactNode }) {
  const { t } = useTranslation(["callback", "common"]);
  const times = useTimes();
  return (
    <>
      <Field label={t("field.registered_at")}>
        <Text size="sm">{times.dateTime(callback.registered_at)}</Text>
      </Field>
      <Field label={t("field.remote_number")}>
        <Text size="sm">{callback.remote_number ?? t("common:withheld")}</Text>
        {callback.other_open_callbacks > 0 && <OtherOpen callback={callback} />}
      </Field>
      <Field label={t("field.remote_name")}>
        <Text size="sm">{callback.remote_name ?? t("common:none")}</Text>
      </Field>
      {children}
    </>
  );
}

/** What does not change, in the order of the manual. */
function Facts({ callback }: { callback: CallbackDetail }) {
  const { t } = useTranslation(["callback", "callbacks", "common"]);
  const names = useNames();
  return (
    <>
      <Field label={t("field.call_center_name")}>
        <Text size="sm">{names.callCenter(callback.call_center)}</Text>
      </Field>
      <Field label={t("field.business_label_name")}>
        <Text size="sm">{names.businessLabel(callback.business_label)}</Text>
      </Field>
      <Field
        label={t("field.request_id")}
        action={
          <Group gap={4} wrap="nowrap">
            <CopyRequestID value={callback.request_id} />
            <ActionIcon
              component={Link}
              href={`~${callAddress(callback.request_id)}`}
              variant="default"
              aria-label={t("callbacks:detail.toCall")}
              title={t("callbacks:detail.toCall")}
            >
              <IconExternalLink size={16} aria-hidden />
            </ActionIcon>
          </Group>
        }
      >
        <Text size="sm" ff="monospace">
          {callback.request_id}
        </Text>
      </Field>
    </>
  );
}

function CopyRequestID({ value }: { value: string }) {
  const { t } = useTranslation(["callback", "common"]);
  return (
    <CopyButton value={value}>
      {({ copied, copy }) => {
        const label = copied ? t("common:action.copied") : `${t("field.request_id")} ${t("common:action.copy")}`;
        return (
          <ActionIcon variant="default" aria-label={label} title={label} onClick={copy}>
            {copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
          </ActionIcon>
        );
      }}
    </CopyButton>
  );
}

function Origin({ callback }: { callback: CallbackDetail }) {
  const { t } = useTranslation(["callback", "callbacks"]);
  const times = useTimes();
  const people = usePeople();
  return (
    <>
      <Field label={t("field.registered_by")}>
        <Text size="sm">{people.who(callback.registered_by)}</Text>
      </Field>
      {askedByCaller(callback) && (
        <Field label={t("field.requests")}>
          <Text size="sm">
            {t("callbacks:detail.requests", {
              count: callback.requests,
              last: times.dateTime(callback.last_requested_at),
            })}
          </Text>
        </Field>
      )}
      {callback.completed_at !== null && (
        <Field label={t("field.completed_at")}>
          <Text size="sm">
            {times.dateTime(callback.completed_at)}
            {callback.completed_by !== null && ` (${people.who(callback.completed_by)})`}
          </Text>
        </Field>
      )}
    </>
  );
}

import { Anchor, Drawer, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import type { Callback } from "../../api/types";
import { callbackAddress } from "../../app/addresses";
import { useCallback } from "../../callbacks/change";
import { usePeople } from "../../site/people";
import { useNames } from "../../site/plan";
import { useTimes } from "../../site/times";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Field, Fields } from "../../ui/Field";
import { Loading } from "../../ui/Loading";
import { RecordEditor } from "./RecordEditor";

/** A record of the result, beside it. */
export function RecordDrawer({ id, onClose }: { id: number | null; onClose: () => void }) {
  const { t } = useTranslation(["history", "common"]);
  // While something is edited, Escape belongs to the lists and dialogs of the editor.
  const [editing, setEditing] = useState(false);
  return (
    <Drawer
      opened={id !== null}
      onClose={onClose}
      closeOnEscape={!editing}
      closeOnClickOutside={!editing}
      position="right"
      size={560}
      title={id !== null && t("record.title", { id })}
      closeButtonProps={{ "aria-label": t("common:action.close") }}
    >
      {id !== null && <Record key={id} id={id} onEditing={setEditing} />}
    </Drawer>
  );
}

function Record({ id, onEditing }: { id: number; onEditing: (editing: boolean) => void }) {
  const { t } = useTranslation(["history", "common"]);
  const callback = useCallback(id);
  return (
    <Stack gap="md">
      {callback.isPending && <Loading />}
      {callback.isError && <ErrorMessage error={callback.error} retry={() => void callback.refetch()} />}
      {callback.data && (
        <>
          <RecordEditor callback={callback.data} onEditing={onEditing} />
          <Facts callback={callback.data} />
          <Anchor component={Link} href={`~${callbackAddress(id)}`} size="sm">
            {t("record.open")}
          </Anchor>
        </>
      )}
    </Stack>
  );
}

function Facts({ callback }: { callback: Callback }) {
  const { t } = useTranslation(["callback", "common"]);
  const times = useTimes();
  const names = useNames();
  const people = usePeople();
  const none = t("common:none");
  const facts: [string, string][] = [
    [t("field.registered_at"), times.dateTime(callback.registered_at)],
    [t("field.registered_by"), people.who(callback.registered_by)],
    [t("field.remote_number"), callback.remote_number ?? t("common:withheld")],
    [t("field.remote_name"), callback.remote_name ?? none],
    [t("field.contact_number"), callback.contact_number ?? none],
    [t("field.local_number"), callback.local_number ?? none],
    [t("field.call_center_name"), names.callCenter(callback.call_center)],
    [t("field.business_label_name"), names.businessLabel(callback.business_label)],
    [t("field.request_id"), callback.request_id],
  ];
  return (
    <Fields>
      {facts.map(([label, value]) => (
        <Field key={label} label={label}>
          <Text size="sm">{value}</Text>
        </Field>
      ))}
      <Field label={t("field.memo")}>
        <Text size="sm" style={{ whiteSpace: "pre-wrap" }}>
          {callback.memo === "" ? none : callback.memo}
        </Text>
      </Field>
    </Fields>
  );
}

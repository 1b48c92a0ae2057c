import { Button, Group, Input, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Callback, CallbackChange, Status } from "../../api/types";
import { CallbackConflict, type Conflict, conflictOf } from "../../callbacks/CallbackConflict";
import { type Base, useChangeCallback, versionFor } from "../../callbacks/change";
import { StatusMark } from "../../callbacks/StatusMark";
import { useAccounts } from "../../site/people";
import { useConfirm } from "../../ui/confirm";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Field, Fields } from "../../ui/Field";

interface Edit {
  base: Base;
  assignee: string | null;
  status: Status;
}

/** Returns what an edit changes; null when that is nothing. */
export function changeOf(edit: Edit, now: Callback): CallbackChange | null {
  const assignee = edit.assignee === edit.base.assignee ? {} : { assignee: edit.assignee };
  const status = edit.status === edit.base.status || edit.assignee === null ? {} : { status: edit.status };
  const change = { ...assignee, ...status };
  if (Object.keys(change).length === 0) return null;
  return { version: versionFor(edit.base, now, ["assignee", "status"]), ...change };
}

/** 担当者 and 対応状況 of a record, and 編集. */
export function RecordEditor({ callback, onEditing }: { callback: Callback; onEditing: (editing: boolean) => void }) {
  const { t } = useTranslation(["history", "callback", "common"]);
  const confirm = useConfirm();
  const change = useChangeCallback();
  const [edit, setEdit] = useState<Edit | null>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const editing = edit !== null;
  useEffect(() => {
    onEditing(editing);
    return () => onEditing(false);
  }, [editing, onEditing]);
  const end = () => {
    setEdit(null);
    change.reset();
  };
  const save = async () => {
    const wanted = edit && changeOf(edit, callback);
    if (!wanted) return end();
    if (!(await confirm(t("record.saveQuestion")))) return;
    change.mutate(
      { id: callback.id, change: wanted },
      {
        onSuccess: () => {
          end();
          notifications.show({ color: "green", message: t("record.saved", { id: callback.id }) });
        },
        onError: (error) => setConflict(conflictOf(error, callback.id, wanted.version)),
      },
    );
  };
  const failed = change.isError && !conflictOf(change.error, callback.id, 0);
  return (
    <Stack gap="sm">
      {edit === null ? (
        <>
          <Fields>
            <Field label={t("callback:field.assignee")}>
              <Text size="sm" fw={600}>
                {callback.assignee_name ?? callback.assignee ?? t("callback:unassigned")}
              </Text>
            </Field>
            <Field label={t("callback:field.status")}>
              <StatusMark status={callback.status} />
            </Field>
          </Fields>
          <Group>
            <Button
              variant="default"
              onClick={() => setEdit({ base: callback, assignee: callback.assignee, status: callback.status })}
            >
              {t("common:action.edit")}
            </Button>
          </Group>
        </>
      ) : (
        <>
          <AssigneeSelect
            callback={callback}
            value={edit.assignee}
            onChange={(assignee) => setEdit({ ...edit, assignee })}
          />
          <StatusControl edit={edit} onChange={(status) => setEdit({ ...edit, status })} />
          {failed && <ErrorMessage error={change.error} />}
          <Group gap="xs">
            <Button loading={change.isPending} onClick={() => void save()}>
              {t("common:action.save")}
            </Button>
            <Button variant="default" onClick={end}>
              {t("common:action.cancel")}
            </Button>
          </Group>
        </>
      )}
      <CallbackConflict
        conflict={conflict}
        onDone={() => {
          setConflict(null);
          end();
        }}
      />
    </Stack>
  );
}

/** Offers the people of the call center, and nobody. Who is the assignee stays to be seen, even if disabled by now. */
function AssigneeSelect({
  callback,
  value,
  onChange,
}: {
  callback: Callback;
  value: string | null;
  onChange: (name: string | null) => void;
}) {
  const { t } = useTranslation(["history", "callback"]);
  const accounts = useAccounts().data ?? [];
  const offered = accounts
    .filter((a) => (a.enabled && a.call_centers.includes(callback.call_center)) || a.name === callback.assignee)
    .map((a) => ({ value: a.name, label: a.display_name }));
  return (
    <Select
      label={t("callback:field.assignee")}
      searchable
      allowDeselect={false}
      nothingFoundMessage={t("record.nobody")}
      data={[{ value: "", label: t("callback:unassigned") }, ...offered]}
      value={value ?? ""}
      onChange={(name) => onChange(name === null || name === "" ? null : name)}
    />
  );
}

function StatusControl({ edit, onChange }: { edit: Edit; onChange: (status: Status) => void }) {
  const { t } = useTranslation(["history", "callback"]);
  const free = edit.assignee === null;
  return (
    <Input.Wrapper label={t("callback:field.status")} labelElement="div">
      <SegmentedControl
        display="flex"
        aria-label={t("callback:field.status")}
        disabled={free}
        value={free ? edit.base.status : edit.status}
        data={[
          { value: "open", label: t("callback:status.open") },
          { value: "completed", label: t("callback:status.completed") },
        ]}
        onChange={onChange}
      />
      {free && (
        <Text size="xs" c="dimmed">
          {t("record.needsAssignee")}
        </Text>
      )}
    </Input.Wrapper>
  );
}

import { Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Callback, Status } from "../../api/types";
import { type Conflict, conflictOf } from "../../callbacks/CallbackConflict";
import { type Base, useChangeCallback, versionFor } from "../../callbacks/change";
import { maySetStatus } from "../../callbacks/may";
import { StatusMark } from "../../callbacks/StatusMark";
import { useMe } from "../../session/session";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Field } from "../../ui/Field";
import { useShortcuts } from "../../ui/shortcuts";

/** 対応状況 with 編集, once there is an assignee. */
export function StatusField({ callback, onConflict }: { callback: Callback; onConflict: (c: Conflict) => void }) {
  const { t } = useTranslation(["callback", "callbacks", "common"]);
  const me = useMe();
  const change = useChangeCallback();
  const [edit, setEdit] = useState<{ base: Base; status: Status } | null>(null);
  const button = useRef<HTMLButtonElement>(null);
  const may = maySetStatus(me, callback);
  const why = callback.assignee === null ? t("callbacks:detail.claimFirst") : t("callbacks:refused.notYours");

  const begin = () => setEdit({ base: callback, status: callback.status });
  useShortcuts([{ key: "s", label: t("callbacks:key.status"), run: begin, disabled: !may || edit !== null }]);
  const end = () => {
    setEdit(null);
    change.reset();
    requestAnimationFrame(() => button.current?.focus());
  };
  const save = () => {
    if (edit === null) return;
    if (edit.status === callback.status) return end();
    const version = versionFor(edit.base, callback, ["status", "assignee"]);
    change.mutate(
      { id: callback.id, change: { version, status: edit.status } },
      {
        onSuccess: end,
        onError: (error) => {
          const met = conflictOf(error, callback.id, version);
          if (!met) return;
          end();
          onConflict(met);
        },
      },
    );
  };

  if (edit === null) {
    return (
      <Field
        label={t("field.status")}
        action={
          <Button
            ref={button}
            size="xs"
            variant="default"
            disabled={!may}
            aria-label={`${t("field.status")} ${t("common:action.edit")}`}
            onClick={begin}
          >
            {t("common:action.edit")}
          </Button>
        }
      >
        <StatusMark status={callback.status} />
        {!may && (
          <Text size="xs" c="dimmed" mt={4}>
            {why}
          </Text>
        )}
      </Field>
    );
  }
  return (
    <Field label={t("field.status")}>
      <Stack gap="xs" py={4}>
        <SegmentedControl
          aria-label={t("field.status")}
          value={edit.status}
          data-autofocus
          data={[
            { value: "open", label: t("status.open") },
            { value: "completed", label: t("status.completed") },
          ]}
          onChange={(status) => setEdit({ ...edit, status })}
        />
        {change.isError && <ErrorMessage error={change.error} />}
        <Group gap="xs">
          <Button size="xs" loading={change.isPending} onClick={save}>
            {t("common:action.save")}
          </Button>
          <Button size="xs" variant="default" onClick={end}>
            {t("common:action.cancel")}
          </Button>
        </Group>
      </Stack>
    </Field>
  );
}

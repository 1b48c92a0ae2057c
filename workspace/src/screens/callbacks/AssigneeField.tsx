import { ActionIcon, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlus } from "@tabler/icons-react";
import { useRef } from "react";
import { useTranslation } from "react-i18next";
import type { Callback } from "../../api/types";
import { type Conflict, conflictOf } from "../../callbacks/CallbackConflict";
import { useClaimCallback, versionFor } from "../../callbacks/change";
import { useConfirm } from "../../ui/confirm";
import { errorText } from "../../ui/ErrorMessage";
import { Field } from "../../ui/Field";
import { useShortcuts } from "../../ui/shortcuts";

/** 担当者, with + to become it while there is none. */
export function AssigneeField({ callback, onConflict }: { callback: Callback; onConflict: (c: Conflict) => void }) {
  const { t } = useTranslation(["callback", "callbacks", "common"]);
  const { t: common } = useTranslation();
  const confirm = useConfirm();
  const claim = useClaimCallback();
  // While the question stands, somebody else may claim it.
  const latest = useRef(callback);
  latest.current = callback;

  const ask = async () => {
    const base = callback;
    if (!(await confirm(t("callbacks:ask.claim")))) return;
    const version = versionFor(base, latest.current, ["assignee"]);
    claim.mutate(
      { id: base.id, version },
      {
        onError: (error) => {
          const met = conflictOf(error, base.id, version);
          if (met) onConflict(met);
          else notifications.show({ color: "red", message: errorText(error, common) });
        },
      },
    );
  };
  const free = callback.assignee === null;
  useShortcuts([{ key: "c", label: t("callbacks:key.claim"), run: () => void ask(), disabled: !free }]);
  return (
    <Field
      label={t("field.assignee")}
      action={
        free && (
          <ActionIcon
            variant="filled"
            size="md"
            loading={claim.isPending}
            aria-label={t("callbacks:key.claim")}
            title={t("callbacks:key.claim")}
            onClick={() => void ask()}
          >
            <IconPlus size={18} aria-hidden />
          </ActionIcon>
        )
      }
    >
      <Text size="sm" {...(free ? { c: "dimmed" } : { fw: 600 })}>
        {free ? t("unassigned") : (callback.assignee_name ?? callback.assignee)}
      </Text>
    </Field>
  );
}

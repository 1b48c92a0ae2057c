import { notifications } from "@mantine/notifications";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Callback } from "../../api/types";
import { CallbackConflict, type Conflict, conflictOf } from "../../callbacks/CallbackConflict";
import { useChangeCallback, useClaimCallback } from "../../callbacks/change";
import { maySetStatus } from "../../callbacks/may";
import { isActive, stopFor } from "../../player/active";
import { usePlayCallback } from "../../player/PlayButton";
import { useMe } from "../../session/session";
import { useConfirm } from "../../ui/confirm";
import { errorText } from "../../ui/ErrorMessage";
import { focusedRecord } from "../../ui/RecordTable";
import { useShortcuts } from "../../ui/shortcuts";

/** What keys do with the row that has the focus: claim it, complete it, play it. Returns the dialogs that belong to it. */
export function useRowActions(items: readonly Callback[], active: boolean) {
  const { t } = useTranslation(["callbacks", "common"]);
  const { t: common } = useTranslation();
  const me = useMe();
  const { t: player } = useTranslation("player");
  const play = usePlayCallback();
  const confirm = useConfirm();
  const claiming = useClaimCallback();
  const changing = useChangeCallback();
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const refuse = (message: string) => notifications.show({ color: "orange", message });

  const run = async (callback: Callback, question: string, done: string, change: () => Promise<unknown>) => {
    if (!(await confirm(question))) return;
    try {
      await change();
      notifications.show({ color: "green", message: done });
    } catch (error) {
      const met = conflictOf(error, callback.id, callback.version);
      if (met) setConflict(met);
      else notifications.show({ color: "red", message: errorText(error, common) });
    }
  };
  const claim = (callback: Callback) => {
    const { id, version } = callback;
    if (callback.assignee !== null) return refuse(t("refused.assigned", { id }));
    return run(callback, t("ask.claim"), t("done.claimed", { id }), () => claiming.mutateAsync({ id, version }));
  };
  const complete = (callback: Callback) => {
    const { id, version } = callback;
    if (callback.status === "completed") return;
    if (callback.assignee === null) return refuse(t("refused.unassigned", { id }));
    if (!maySetStatus(me, callback)) return refuse(t("refused.notYours"));
    return run(callback, t("ask.complete"), t("done.completed", { id }), () =>
      changing.mutateAsync({ id, change: { version, status: "completed" } }),
    );
  };
  const playOrStop = (callback: Callback) => {
    if (callback.recording === null) return refuse(player("none"));
    return isActive(callback.id) ? stopFor(callback.id) : play(callback);
  };
  const ofFocused = (f: (callback: Callback) => unknown) => () => {
    const focused = items.find((item) => String(item.id) === focusedRecord());
    if (focused) f(focused);
  };
  useShortcuts([
    { key: "c", label: t("key.claim"), run: ofFocused(claim), disabled: !active },
    { key: "p", label: t("key.play"), run: ofFocused(playOrStop), disabled: !active },
    { key: "d", label: t("key.complete"), run: ofFocused(complete), disabled: !active },
  ]);
  return { dialogs: <CallbackConflict conflict={conflict} onDone={() => setConflict(null)} /> };
}

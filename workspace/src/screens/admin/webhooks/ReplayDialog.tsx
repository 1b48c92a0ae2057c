import { Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../../api/client";
import { fieldErrors } from "../../../api/fields";
import { useTimes } from "../../../site/times";
import { FormDialog } from "../../../ui/FormDialog";

/** For how long deliveries are kept that failed or were missed, in milliseconds. */
const kept = 7 * 24 * 3600_000;

/** How many the server replays at once. */
const most = 10_000;

/** Has sent again what failed or was missed, since a time; at first since what is kept begins. */
export function ReplayDialog({ webhook, onClose }: { webhook: number; onClose: () => void }) {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const queries = useQueryClient();
  const [since, setSince] = useState(() => times.toInput(new Date(Date.now() - kept)));
  const [wrong, setWrong] = useState(false);
  const replay = useMutation({
    mutationFn: (at: string) =>
      read(api.POST("/webhooks/{id}/replay", { params: { path: { id: webhook } }, body: { since: at } })),
    onSuccess: ({ replayed }) => {
      notifications.show({
        message:
          replayed === 0
            ? t("webhooks.deliveries.replayedNone")
            : replayed >= most
              ? t("webhooks.deliveries.replayedMost")
              : t("webhooks.deliveries.replayedAll", { count: replayed }),
      });
      onClose();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["webhooks"] }),
  });
  const send = () => {
    const at = times.fromInput(since);
    setWrong(at === null);
    if (at !== null) replay.mutate(at);
  };
  return (
    <FormDialog
      title={t("webhooks.deliveries.replayAll")}
      submit={t("webhooks.deliveries.replay")}
      pending={replay.isPending}
      error={replay.error}
      onSubmit={send}
      onClose={onClose}
    >
      <Text size="sm">{t("webhooks.deliveries.replayHint")}</Text>
      <TextInput
        type="datetime-local"
        label={t("webhooks.deliveries.since")}
        required
        data-autofocus
        value={since}
        error={wrong ? t("webhooks.deliveries.sinceWrong") : fieldErrors(replay.error).since}
        onChange={(e) => setSince(e.currentTarget.value)}
      />
    </FormDialog>
  );
}

import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Callback, Recording } from "../api/types";
import { useTimes } from "../site/times";
import { ErrorMessage } from "../ui/ErrorMessage";
import { Spinner } from "../ui/Loading";
import { RecordingPlayer } from "./RecordingPlayer";
import { belongingTo, recordingsOf } from "./recordings";
import "./texts";

/** What there is to hear of a callback, or why there is nothing. */
export function Recordings({ callback }: { callback: Callback }) {
  const { t } = useTranslation(["player", "callback", "common"]);
  const recordings = useQuery(recordingsOf(callback));
  const all = belongingTo(callback, recordings.data ?? []);
  const waiting = all.some((r) => r.state === "expected" || r.state === "growing");
  return (
    <Stack gap="sm" component="section" aria-label={t("callback:field.recording")}>
      <Group justify="space-between">
        <Title order={2} size="h5">
          {t("callback:field.recording")}
        </Title>
        {waiting && (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconRefresh size={14} aria-hidden />}
            loading={recordings.isFetching}
            onClick={() => void recordings.refetch()}
          >
            {t("common:action.reload")}
          </Button>
        )}
      </Group>
      {recordings.isPending && <Spinner size="sm" />}
      {recordings.isError && <ErrorMessage error={recordings.error} retry={() => void recordings.refetch()} />}
      {recordings.data && all.length === 0 && (
        <Text size="sm" c="dimmed">
          {t(callback.origin === "automatic" ? "noneMessage" : "noneCall")}
        </Text>
      )}
      {all.map((recording) => (
        <OneRecording key={recording.id} recording={recording} all={all} callback={callback.id} />
      ))}
    </Stack>
  );
}

function OneRecording({ recording, all, callback }: { recording: Recording; all: Recording[]; callback: number }) {
  const { t } = useTranslation("player");
  const times = useTimes();
  const same = all.filter((r) => r.kind === recording.kind);
  const kind = t(`kind.${recording.kind}`);
  const name = same.length > 1 ? t("numbered", { kind, n: same.indexOf(recording) + 1 }) : kind;
  return (
    <Stack gap={4} role="group" aria-label={name}>
      <Text size="sm" fw={600}>
        {name}{" "}
        {recording.found_at !== null && (
          <Text span size="xs" c="dimmed" fw={400}>
            {times.dateTime(recording.found_at)}
          </Text>
        )}
      </Text>
      {recording.state === "ready" ? (
        <RecordingPlayer recording={recording} callback={callback} />
      ) : (
        <Text size="sm" c="dimmed">
          {recording.cause === null ? t(`state.${recording.state}`) : t(`cause.${recording.cause}`)}
        </Text>
      )}
    </Stack>
  );
}

import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { type UseQueryResult, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { Callback, Recording } from "../api/types";
import { useTimes } from "../site/times";
import { ErrorMessage } from "../ui/ErrorMessage";
import { Spinner } from "../ui/Loading";
import { RecordingPlayer } from "./RecordingPlayer";
import { belongingTo, isAwaited, recordingsOf } from "./recordings";
import "./texts";

/** What there is to hear of a callback, or why there is nothing. */
export function Recordings({ callback }: { callback: Callback }) {
  const { t } = useTranslation(["player", "callback"]);
  const recordings = useQuery(recordingsOf(callback));
  const all = belongingTo(callback, recordings.data ?? []);
  const waiting = all.some(isAwaited);
  return (
    <Stack gap="sm" component="section" aria-label={t("callback:field.recording")}>
      <Group justify="space-between">
        <Title order={2} size="h5">
          {t("callback:field.recording")}
        </Title>
        {waiting && <ReloadButton query={recordings} />}
      </Group>
      {recordings.isPending && <Spinner size="sm" />}
      {recordings.isError && <ErrorMessage error={recordings.error} retry={() => void recordings.refetch()} />}
      {recordings.data && all.length === 0 && (
        <Text size="sm" c="dimmed">
          {t(callback.origin === "automatic" ? "noneMessage" : "noneCall")}
        </Text>
      )}
      <RecordingList recordings={all} callback={callback.id} />
    </Stack>
  );
}

/** Asks again whether recordings are there that were not. */
export function ReloadButton({ query }: { query: Pick<UseQueryResult, "isFetching" | "refetch"> }) {
  const { t } = useTranslation();
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<IconRefresh size={14} aria-hidden />}
      loading={query.isFetching}
      onClick={() => void query.refetch()}
    >
      {t("action.reload")}
    </Button>
  );
}

/** Recordings with their players, or why they cannot be played. */
export function RecordingList({ recordings, callback }: { recordings: Recording[]; callback: number | null }) {
  return recordings.map((recording) => (
    <OneRecording key={recording.id} recording={recording} all={recordings} callback={callback} />
  ));
}

function OneRecording({
  recording,
  all,
  callback,
}: {
  recording: Recording;
  all: Recording[];
  callback: number | null;
}) {
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

import { ActionIcon, Box, Group, SegmentedControl, Skeleton, Stack, Text } from "@mantine/core";
import {
  IconPlayerPauseFilled,
  IconPlayerPlayFilled,
  IconRewindBackward10,
  IconRewindForward10,
} from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import type { Recording } from "../api/types";
import { useTimes } from "../site/times";
import { ErrorMessage } from "../ui/ErrorMessage";
import { playerOf, playFor, rates, useRate } from "./active";
import { PlaybackError, type Player } from "./player";
import classes from "./RecordingPlayer.module.css";
import { waveformOf } from "./recordings";
import { Waveform } from "./Waveform";
import "./texts";

/** How far the buttons and the arrow keys go, in seconds. */
const step = 10;

/** Plays a recording that is ready, for a callback if there is one. */
export function RecordingPlayer({ recording, callback }: { recording: Recording; callback: number | null }) {
  const { t } = useTranslation("player");
  const player = playerOf(recording.id);
  const state = useSyncExternalStore(player.subscribe, player.getState);
  const running = state.status === "playing" || state.status === "loading";
  const toggle = () => {
    if (running) player.pause();
    else void playFor(callback, recording.id);
  };
  return (
    // What the browser would offer to do with sound is not offered: it is played here only.
    <Stack gap="xs" onContextMenu={(event) => event.preventDefault()}>
      <Slider player={player} recording={recording} toggle={toggle} />
      <Group gap="xs" wrap="wrap">
        <ActionIcon
          size="lg"
          radius="xl"
          variant="filled"
          loading={state.status === "loading"}
          aria-label={t(running ? "pause" : "play")}
          title={t(running ? "pause" : "play")}
          onClick={toggle}
        >
          {running ? <IconPlayerPauseFilled size={18} aria-hidden /> : <IconPlayerPlayFilled size={18} aria-hidden />}
        </ActionIcon>
        <ActionIcon
          size="lg"
          variant="default"
          aria-label={t("back")}
          title={t("back")}
          onClick={() => player.seek(state.position - step)}
        >
          <IconRewindBackward10 size={20} aria-hidden />
        </ActionIcon>
        <ActionIcon
          size="lg"
          variant="default"
          aria-label={t("forward")}
          title={t("forward")}
          onClick={() => player.seek(Math.min(state.position + step, recording.duration_seconds ?? 0))}
        >
          <IconRewindForward10 size={20} aria-hidden />
        </ActionIcon>
        <Clock position={state.position} duration={recording.duration_seconds} />
        <Rates />
      </Group>
      {state.error !== null && <PlayFailed error={state.error} retry={() => void playFor(callback, recording.id)} />}
    </Stack>
  );
}

function Clock({ position, duration }: { position: number; duration: number | null }) {
  const times = useTimes();
  return (
    <Text size="sm" ff="monospace">
      {times.duration(position)} / {times.duration(duration)}
    </Text>
  );
}

function Rates() {
  const { t } = useTranslation("player");
  const [rate, setRate] = useRate();
  return (
    <SegmentedControl
      ml="auto"
      size="xs"
      aria-label={t("rate")}
      value={String(rate)}
      data={rates.map((r) => ({ value: String(r), label: `${r}×` }))}
      onChange={(value) => setRate(rates.find((r) => String(r) === value) ?? 1)}
    />
  );
}

function PlayFailed({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useTranslation("player");
  if (!(error instanceof PlaybackError)) return <ErrorMessage error={error} retry={retry} />;
  return (
    <Text size="sm" c="red" role="alert">
      {t("broken")}
    </Text>
  );
}

/** Returns where a key leads, in seconds; null for a key that leads nowhere. */
export function positionBy(
  event: Pick<KeyboardEvent, "key" | "shiftKey">,
  from: number,
  duration: number,
): number | null {
  const by = event.shiftKey ? 1 : step;
  const to: Record<string, number> = {
    ArrowRight: from + by,
    ArrowUp: from + by,
    ArrowLeft: from - by,
    ArrowDown: from - by,
    PageUp: from + 3 * step,
    PageDown: from - 3 * step,
    Home: 0,
    End: duration,
  };
  const position = to[event.key];
  return position === undefined ? null : Math.max(0, Math.min(position, duration));
}

/** The waveform, which the keyboard moves in too. */
function Slider({ player, recording, toggle }: { player: Player; recording: Recording; toggle: () => void }) {
  const { t } = useTranslation(["player", "common"]);
  const times = useTimes();
  const { position } = useSyncExternalStore(player.subscribe, player.getState);
  const waveform = useQuery(waveformOf(recording.id));
  const duration = recording.duration_seconds ?? waveform.data?.duration_seconds ?? 0;
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const to = positionBy(event, position, duration);
    if (to !== null) player.seek(to);
    else if (event.key === " ") toggle();
    else return;
    event.preventDefault();
  };
  return (
    <>
      <Box
        className={classes.slider ?? ""}
        role="slider"
        tabIndex={0}
        aria-label={t("position")}
        aria-valuemin={0}
        aria-valuemax={Math.round(duration)}
        aria-valuenow={Math.round(position)}
        aria-valuetext={t("positionOf", { position: times.duration(position), duration: times.duration(duration) })}
        title={t("keys")}
        onKeyDown={onKeyDown}
      >
        {waveform.data ? (
          <Waveform player={player} shape={waveform.data} />
        ) : (
          <Skeleton height={64} animate={waveform.isPending} />
        )}
      </Box>
      {waveform.isError && <ErrorMessage error={waveform.error} retry={() => void waveform.refetch()} />}
    </>
  );
}

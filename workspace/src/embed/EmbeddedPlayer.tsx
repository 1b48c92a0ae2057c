import { Button, Group, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { whenUnauthorized } from "../api/client";
import type { Recording } from "../api/types";
import { playerOf, playFor, stopAll, useActivePlayer } from "../player/active";
import type { Player, PlayerState } from "../player/player";
import { RecordingList, ReloadButton } from "../player/Recordings";
import { isAwaited, recordingsOf } from "../player/recordings";
import { tabs } from "../session/tabs";
import { ErrorMessage } from "../ui/ErrorMessage";
import { Spinner } from "../ui/Loading";
import type { Command, Embedder, State } from "./embedder";
import "./texts";

/** The recordings of a call, by themselves in a frame of another program's page, which is told how it goes. */
export default function EmbeddedPlayer({ requestID, embedder }: { requestID: string; embedder: Embedder }) {
  const { t } = useTranslation(["embed", "player"]);
  const { signedOut, again } = useSignedOut();
  const recordings = useQuery({
    ...recordingsOf({ request_id: requestID, recording: null }),
    refetchInterval: ({ state }) =>
      !signedOut && mayCome(state.data) && untilNextLook(state.dataUpdateCount + state.errorUpdateCount),
  });
  const all = recordings.data ?? [];
  let state: State = "ready";
  if (signedOut) state = "signed_out";
  else if (recordings.isError) state = "failed";
  else if (recordings.isPending) state = "loading";
  else if (all.length === 0) state = "none";
  else if (all.every((r) => r.state !== "ready")) state = "not_ready";
  useEmbedder(embedder, state, all);
  useEffect(() => {
    document.title = t("title");
  }, [t]);
  return (
    <Frame embedder={embedder}>
      <VisuallyHidden component="h1">{t("title")}</VisuallyHidden>
      {state === "signed_out" && <SignedOut again={again} />}
      {state === "failed" && <ErrorMessage error={recordings.error} retry={again} />}
      {state === "loading" && <Spinner size="sm" />}
      {state === "none" && (
        <Text size="sm" c="dimmed">
          {t("player:none")}
        </Text>
      )}
      {!signedOut && <RecordingList recordings={all} callback={null} />}
      {!signedOut && recordings.isSuccess && mayCome(all) && (
        <Group>
          <ReloadButton query={recordings} />
        </Group>
      )}
    </Frame>
  );
}

/** Whether another look may find a recording to play. A frame is often opened as soon as the call ends, and a recording comes later. */
function mayCome(recordings: readonly Recording[] | undefined): boolean {
  return recordings !== undefined && (recordings.length === 0 || recordings.some(isAwaited));
}

/** After so many looks, the time until the next in milliseconds, longer and longer; none after ten minutes, as each look keeps the session. */
function untilNextLook(looks: number): number | false {
  return looks < 14 && Math.min(1000 * 2 ** looks, 60_000);
}

/** Tells the page around how much room the content takes. */
function Frame({ embedder, children }: { embedder: Embedder; children: ReactNode }) {
  const content = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = content.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => {
      embedder.tell({ type: "callbackd.height", height: Math.ceil(element.getBoundingClientRect().height) });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [embedder]);
  return (
    <Stack gap="sm" p="xs" component="main" ref={content}>
      {children}
    </Stack>
  );
}

/** Whether an answer said that nobody is logged in; again asks anew, as it does when a session begins or ends in another tab. */
function useSignedOut() {
  const queries = useQueryClient();
  const [signedOut, setSignedOut] = useState(false);
  const again = useCallback(() => {
    stopAll();
    setSignedOut(false);
    void queries.resetQueries();
  }, [queries]);
  useEffect(() => {
    whenUnauthorized(() => {
      stopAll();
      setSignedOut(true);
    });
    tabs.addEventListener("message", again);
    return () => {
      whenUnauthorized(() => {});
      tabs.removeEventListener("message", again);
    };
  }, [again]);
  // Not every login tells the other tabs: who comes from one by another system's account is only seen to come back.
  useEffect(() => {
    if (!signedOut) return;
    const onReturn = () => document.visibilityState === "visible" && again();
    document.addEventListener("visibilitychange", onReturn);
    return () => document.removeEventListener("visibilitychange", onReturn);
  }, [signedOut, again]);
  return { signedOut, again };
}

/** The login is a page of its own: where it could be seen within another, it could be put under something else. */
function SignedOut({ again }: { again: () => void }) {
  const { t } = useTranslation(["embed", "common"]);
  return (
    <Stack gap="xs">
      <Text size="sm" role="status">
        {t("signedOut")}
      </Text>
      <Group gap="xs">
        <Button size="xs" component="a" href="/" target="_blank" rel="noopener">
          {t("open")} {t("opensTab")}
        </Button>
        <Button size="xs" variant="default" onClick={again}>
          {t("common:action.retry")}
        </Button>
      </Group>
    </Stack>
  );
}

const never = () => () => {};
const nothing: PlayerState = { status: "stopped", position: 0, error: null };

/** Tells the page around how it goes, and does what it asks for. */
function useEmbedder(embedder: Embedder, state: State, recordings: readonly Recording[]): void {
  const ready = recordings.filter((r) => r.state === "ready");
  const active = useActivePlayer();
  const current = ready.find((r) => r.id === active?.recording) ?? ready[0];
  const player = state === "ready" && current ? playerOf(current.id) : null;
  const { status, position } = usePlayerState(player);
  const id = player?.recording ?? null;
  const duration = (player && current?.duration_seconds) ?? null;
  useEffect(() => {
    embedder.tell({
      type: "callbackd.state",
      state: status === "stopped" ? state : status,
      recording: id,
      position_seconds: position,
      duration_seconds: duration,
    });
  }, [embedder, state, status, id, position, duration]);
  // What is done depends on the latest of all; a listener that is replaced each time would miss nothing either.
  useEffect(() =>
    embedder.listen((command) => {
      if (state === "ready") carryOut(command, ready, id);
    }),
  );
}

function usePlayerState(player: Player | null): PlayerState {
  return useSyncExternalStore(player?.subscribe ?? never, player?.getState ?? (() => nothing));
}

/** Does what the page around asks for, with recordings that can be played. */
function carryOut(command: Command, ready: readonly Recording[], current: number | null): void {
  const named = command.type === "callbackd.pause" ? null : command.recording;
  const recording = ready.find((r) => r.id === (named ?? current));
  if (recording === undefined) return;
  const player = playerOf(recording.id);
  if (command.type === "callbackd.pause") {
    if (player.getState().status !== "stopped") player.pause();
    return;
  }
  if (command.position_seconds !== null) {
    player.seek(Math.min(command.position_seconds, recording.duration_seconds ?? command.position_seconds));
  }
  if (command.type === "callbackd.play") void playFor(null, recording.id);
}

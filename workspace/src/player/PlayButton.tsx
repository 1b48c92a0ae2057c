import { notifications } from "@mantine/notifications";
import { IconPlayerPlayFilled, IconPlayerStopFilled } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Callback } from "../api/types";
import { errorText } from "../ui/ErrorMessage";
import { playerOf, playFor, stopFor, useStatusFor } from "./active";
import classes from "./PlayButton.module.css";
import { playableOf } from "./recordings";
import "./texts";

/** Returns the function that plays a callback's recording, and tells the user when it cannot be. */
export function usePlayCallback(): (callback: Callback) => Promise<void> {
  const { t } = useTranslation("player");
  const { t: common } = useTranslation();
  const queries = useQueryClient();
  return useCallback(
    async (callback) => {
      try {
        const recording = await playableOf(queries, callback);
        if (recording === null) {
          notifications.show({ color: "orange", message: t("none") });
          return;
        }
        await playFor(callback.id, recording.id);
        const { error } = playerOf(recording.id).getState();
        if (error !== null) throw error;
      } catch (error) {
        notifications.show({ color: "red", message: errorText(error, common) });
      }
    },
    [queries, t, common],
  );
}

/** 録音再生 / 停止 of a row. */
export function PlayButton({ callback, tabIndex }: { callback: Callback; tabIndex: 0 | -1 }) {
  const { t } = useTranslation("player");
  const status = useStatusFor(callback.id);
  const play = usePlayCallback();
  const [looking, setLooking] = useState(false);
  if (callback.recording === null) return null;
  const running = status === "playing" || status === "loading";
  const label = t(running ? "stopOf" : "playOf", { id: callback.id });
  return (
    <button
      type="button"
      className={classes.button}
      data-running={running || undefined}
      aria-busy={looking || status === "loading"}
      tabIndex={tabIndex}
      aria-label={label}
      title={label}
      onClick={(event) => {
        event.stopPropagation();
        if (running) return stopFor(callback.id);
        setLooking(true);
        void play(callback).finally(() => setLooking(false));
      }}
    >
      {running ? <IconPlayerStopFilled size={14} aria-hidden /> : <IconPlayerPlayFilled size={14} aria-hidden />}
    </button>
  );
}

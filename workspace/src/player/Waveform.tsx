import { useComputedColorScheme } from "@mantine/core";
import { useReducedMotion } from "@mantine/hooks";
import { useEffect, useRef } from "react";
import { load } from "../app/load";
import type { Player } from "./player";

interface Shape {
  duration_seconds: number;
  peaks: number[];
}

/** Draws a recording by the server's peaks, and where playing is. A click seeks. The sound itself is not read for it. */
export function Waveform({ player, shape }: { player: Player; shape: Shape }) {
  const container = useRef<HTMLDivElement>(null);
  const scheme = useComputedColorScheme();
  const still = useReducedMotion();
  useEffect(() => {
    const element = container.current;
    if (element === null) return;
    const colour = (name: string) => getComputedStyle(element).getPropertyValue(`--mantine-color-${name}`).trim();
    let gone = false;
    let remove = () => {};
    const begin = ({ default: WaveSurfer }: typeof import("wavesurfer.js")) => {
      if (gone) return;
      const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
      const wave = WaveSurfer.create({
        container: element,
        height: 64,
        waveColor: colour(scheme === "dark" ? "dark-2" : "gray-5"),
        progressColor: colour(scheme === "dark" ? "blue-4" : "blue-8"),
        cursorColor: colour("text"),
        cursorWidth: 2,
        barWidth: 2,
        barGap: 1,
        barRadius: 1,
        normalize: true,
        dragToSeek: true,
        // It plays nothing: positions come from the player.
        media: document.createElement("audio"),
        peaks: [shape.peaks],
        duration: shape.duration_seconds,
        cspNonce: nonce,
      });
      const show = () => wave.setTime(player.getState().position);
      let frame = 0;
      // Positions come four times a second; between them the element is asked, so that the cursor glides.
      const glide = () => {
        wave.setTime(player.media.currentTime);
        frame = requestAnimationFrame(glide);
      };
      const follow = () => {
        cancelAnimationFrame(frame);
        if (player.getState().status === "playing" && !still) glide();
        else show();
      };
      const unwatch = player.subscribe(follow);
      wave.on("ready", show);
      wave.on("interaction", (position) => player.seek(position));
      follow();
      remove = () => {
        unwatch();
        cancelAnimationFrame(frame);
        wave.destroy();
      };
    };
    // Without it there is no picture; the keys and buttons work all the same.
    load(() => import("wavesurfer.js")).then(begin, () => {});
    return () => {
      gone = true;
      remove();
    };
  }, [player, shape, scheme, still]);
  return <div ref={container} />;
}

import type { ComponentType, ReactNode } from "react";
import classes from "./Mark.module.css";

/** good: as it should be; busy: somebody has to do something, or does; alarm: something is wrong; quiet: nothing to see. */
export type Tone = "good" | "busy" | "alarm" | "info" | "quiet";

/** A state in one word, told by colour, by an icon and by the word. A plain element: long tables have many. */
export function Mark({
  tone,
  icon: Icon,
  children,
}: {
  tone: Tone;
  icon?: ComponentType<{ size?: number; "aria-hidden"?: boolean }>;
  children: ReactNode;
}) {
  return (
    <span className={classes.mark} data-tone={tone}>
      {Icon && <Icon size={13} aria-hidden />}
      {children}
    </span>
  );
}

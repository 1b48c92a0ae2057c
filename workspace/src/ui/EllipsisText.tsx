import { Tooltip } from "@mantine/core";
import { useRef, useState } from "react";
import classes from "./EllipsisText.module.css";

/**
 * A text of one line that is cut where it does not fit. Pointing at it shows the whole, when it was cut. Long tables have
 * a thousand of these, so each is one plain element until somebody points at it.
 */
export function EllipsisText({ children, fw }: { children: string; fw?: number }) {
  const ref = useRef<HTMLSpanElement>(null);
  const [cut, setCut] = useState(false);
  const measure = () => setCut(ref.current !== null && ref.current.scrollWidth > ref.current.clientWidth);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: pointing at it does nothing but show what it says already
    <span
      ref={ref}
      className={classes.text}
      style={{ fontWeight: fw }}
      onMouseEnter={measure}
      onMouseLeave={() => setCut(false)}
    >
      {children}
      {cut && <Tooltip target={ref} label={children} opened multiline maw={480} withinPortal />}
    </span>
  );
}

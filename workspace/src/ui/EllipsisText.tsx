import { Text, type TextProps, Tooltip } from "@mantine/core";
import { useRef, useState } from "react";

/** A text that is cut where it does not fit. Pointing at it shows the whole, when it was cut. */
export function EllipsisText({ children, lines = 1, ...props }: { children: string; lines?: number } & TextProps) {
  const ref = useRef<HTMLParagraphElement>(null);
  const [cut, setCut] = useState(false);
  const measure = () => {
    const e = ref.current;
    if (e) setCut(e.scrollWidth > e.clientWidth || e.scrollHeight > e.clientHeight + 1);
  };
  return (
    <Tooltip label={children} disabled={!cut} multiline maw={480} openDelay={300} withinPortal>
      <Text
        ref={ref}
        size="sm"
        {...(lines === 1 ? { truncate: true } : { lineClamp: lines })}
        onMouseEnter={measure}
        onFocus={measure}
        {...props}
      >
        {children}
      </Text>
    </Tooltip>
  );
}

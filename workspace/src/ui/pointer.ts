import { useEffect, useRef, useState } from "react";

/** A mouse that has not moved for this long, in milliseconds, is not about to click. */
const idle = 5_000;

/**
 * Tells whether the user is about to click on an element, so that nothing must move there: the mouse is over it, and
 * moved lately.
 */
export function usePointerOver<E extends HTMLElement>(): [React.RefCallback<E>, boolean] {
  const [element, setElement] = useState<E | null>(null);
  const [over, setOver] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (element === null) return;
    const leave = () => {
      clearTimeout(timer.current);
      setOver(false);
    };
    const move = (event: PointerEvent) => {
      if (event.pointerType === "touch") return;
      clearTimeout(timer.current);
      timer.current = setTimeout(leave, idle);
      setOver(true);
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerleave", leave);
    return () => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerleave", leave);
      leave();
    };
  }, [element]);
  return [setElement, over];
}

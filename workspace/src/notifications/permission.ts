import { useSyncExternalStore } from "react";

// Whether the user was asked is remembered by the browser: someone who said "later" is not asked at each login.
const storageKey = "callbackd.notifications.asked";

const watchers = new Set<() => void>();

function changed(): void {
  for (const watch of watchers) watch();
}

export type Permission = NotificationPermission | "unsupported";

export function permission(): Permission {
  return typeof Notification === "undefined" ? "unsupported" : Notification.permission;
}

/** Whether notifications are allowed, and whether the user is still to be asked. */
export function usePermission(): { permission: Permission; ask: boolean } {
  const subscribe = (watch: () => void) => {
    watchers.add(watch);
    window.addEventListener("focus", watch); // it may have been changed in the browser's settings
    return () => {
      watchers.delete(watch);
      window.removeEventListener("focus", watch);
    };
  };
  const now = useSyncExternalStore(subscribe, permission);
  const asked = useSyncExternalStore(subscribe, () => localStorage.getItem(storageKey) !== null);
  return { permission: now, ask: now === "default" && !asked };
}

/** Has the browser ask the user. Browsers want that to follow from a click. */
export async function askPermission(): Promise<void> {
  dismiss();
  await Notification.requestPermission();
  changed();
}

/** The user does not want to be asked again. */
export function dismiss(): void {
  localStorage.setItem(storageKey, "1");
  changed();
}

import { useEffect } from "react";
import { useLocation, useSearch } from "wouter";
import { chosen, words } from "../../ui/url-state";

// Where the user was on this screen: whoever comes back from another one, or by a notification, finds the same tabs
// and list.
const storageKey = "callbackd.callbacks";

const open = words();

/** Returns what the URL is to be for a screen that shows current, or null when it is that already. */
export function searchFor(search: string, current: number | null, says: boolean, before: string): string | null {
  const params = new URLSearchParams(search === "" && !says ? before : search);
  const ids = open.parse(params.get("open"));
  if (current !== null && !ids.includes(String(current))) {
    params.set("open", [...ids, String(current)].join(","));
  }
  const wanted = params.toString();
  return wanted === new URLSearchParams(search).toString() ? null : wanted;
}

/** Which callbacks are open, in tabs: the URL says so. current is the one that is shown. */
export function useOpenTabs(current: number | null) {
  const [, navigate] = useLocation();
  const search = useSearch();
  useEffect(() => {
    const wanted = searchFor(search, current, window.history.state !== null, sessionStorage.getItem(storageKey) ?? "");
    if (wanted === null) sessionStorage.setItem(storageKey, search);
    else navigate(address(current, wanted), { replace: true, state: chosen });
  }, [search, current, navigate]);

  const ids = open
    .parse(new URLSearchParams(search).get("open"))
    .map(Number)
    .filter((id) => Number.isSafeInteger(id) && id > 0);
  const close = (id: number) => {
    const rest = ids.filter((other) => other !== id);
    const params = new URLSearchParams(search);
    if (rest.length === 0) params.delete("open");
    else params.set("open", rest.join(","));
    const next = id === current ? (rest[Math.min(ids.indexOf(id), rest.length - 1)] ?? null) : current;
    navigate(address(next, params.toString()), { replace: id !== current, state: chosen });
  };
  /** Shows a tab, or with null the list. */
  const show = (id: number | null) => navigate(address(id, search), { state: chosen });
  return { ids, close, show, hrefOf: (id: number | null) => address(id, search) };
}

/** Within the screen, whose own address has no slash at its end: the server knows none that has. */
function address(id: number | null, search: string): string {
  return (id === null ? "" : `/${id}`) + (search === "" ? "" : `?${search}`);
}

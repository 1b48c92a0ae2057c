import { useMemo } from "react";
import { useLocation, useSearch } from "wouter";

/** How a value stands in the URL. What is the default does not stand there, so that addresses stay short. */
export interface Parameter<T> {
  /** Reads what stands in the URL; anything that is not understood is the default. */
  parse(text: string | null): T;
  /** Returns null for the default. */
  format(value: T): string | null;
}

export function text(fallback = ""): Parameter<string> {
  return { parse: (t) => t ?? fallback, format: (v) => (v === fallback ? null : v) };
}

export function whole(fallback: number, least = 0): Parameter<number> {
  return {
    parse: (t) => (t !== null && /^\d{1,15}$/.test(t) && Number(t) >= least ? Number(t) : fallback),
    format: (v) => (v === fallback ? null : String(v)),
  };
}

export function flag(): Parameter<boolean> {
  return { parse: (t) => t === "1", format: (v) => (v ? "1" : null) };
}

export function choice<const T extends string>(choices: readonly T[], fallback: T): Parameter<T> {
  return {
    parse: (t) => choices.find((c) => c === t) ?? fallback,
    format: (v) => (v === fallback ? null : v),
  };
}

/** Several of some choices, in the order of the choices. */
export function choices<const T extends string>(
  all: readonly T[],
  fallback: readonly T[] = [],
): Parameter<readonly T[]> {
  const join = (v: readonly T[]) => all.filter((c) => v.includes(c)).join(",");
  return {
    parse: (t) => (t === null ? fallback : all.filter((c) => t.split(",").includes(c))),
    format: (v) => (join(v) === join(fallback) ? null : join(v)),
  };
}

/** Any words without a comma, such as ids, in the order in which they were given. */
export function words(): Parameter<readonly string[]> {
  return {
    parse: (t) => (t === null ? [] : [...new Set(t.split(",").filter((w) => w !== ""))]),
    format: (v) => (v.length === 0 ? null : v.join(",")),
  };
}

/**
 * The state of each entry of the browser's history whose address says what to show, also when it says so by saying
 * nothing, as after all filters were cleared. A link from the menu has none.
 */
export const chosen = { chosen: true };

export type Values<P> = { [K in keyof P]: P[K] extends Parameter<infer T> ? T : never };

/**
 * Keeps what the user chose to see in the URL, so that a reload, a bookmark and the back button show the same.
 * Parameters that others keep there stay. Declare the parameters outside of the component:
 *
 *     const parameters = { q: text(), status: choices(["open", "completed"]), page: whole(1, 1) };
 *     const [shown, show] = useUrlState(parameters);
 *     show({ q: "03", page: 1 });
 *
 * Each change replaces the entry of the browser's history; with push it makes a new one, to which Back returns.
 */
export function useUrlState<P extends Record<string, Parameter<unknown>>>(
  parameters: P,
): [Values<P>, (change: Partial<Values<P>>, how?: { push?: boolean }) => void] {
  const [location, navigate] = useLocation();
  const written = useSearch();
  const values = useMemo(() => valuesOf(parameters, new URLSearchParams(written)), [parameters, written]);
  const change = (patch: Partial<Values<P>>, how?: { push?: boolean }) => {
    // What the address says by now, which may be more than what is shown yet.
    const search = withChange(parameters, new URLSearchParams(window.location.search), patch).toString();
    // A screen's own address has no slash at its end: the server knows none that has.
    const path = location === "/" ? "" : location;
    navigate(search === "" ? path : `${path}?${search}`, { replace: !how?.push, state: chosen });
  };
  return [values, change];
}

export function valuesOf<P extends Record<string, Parameter<unknown>>>(
  parameters: P,
  search: URLSearchParams,
): Values<P> {
  const entries = Object.entries(parameters).map(([name, p]) => [name, p.parse(search.get(name))]);
  return Object.fromEntries(entries) as Values<P>;
}

export function withChange<P extends Record<string, Parameter<unknown>>>(
  parameters: P,
  before: URLSearchParams,
  patch: Partial<Values<P>>,
): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(patch)) {
    const formatted = parameters[name]?.format(value) ?? null;
    if (formatted === null) after.delete(name);
    else after.set(name, formatted);
  }
  return after;
}

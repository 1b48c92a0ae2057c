import type { CallbackQuery } from "../../callbacks/useCallbackList";
import type { Times } from "../../site/times";
import { pageSizes } from "../../ui/Paging";
import { choice, choices, flag, text, type Values, whole, words } from "../../ui/url-state";

/** What is searched for, as it stands in the URL. Days are those of the site, such as 2026-11-20. */
export const parameters = {
  from: text(),
  to: text(),
  call_center: words(),
  business_label: words(),
  assignee: words(),
  unassigned: flag(),
  status: choices(["open", "completed"]),
  number: text(),
  local_number: text(),
  request_id: text(),
  size: choice(pageSizes, "50"),
  page: whole(1, 1),
  after: text(),
};

export type State = Values<typeof parameters>;

/** What stands in the form. */
export type Search = Omit<State, "size" | "page" | "after">;

export const everything: Search = {
  from: "",
  to: "",
  call_center: [],
  business_label: [],
  assignee: [],
  unassigned: false,
  status: [],
  number: "",
  local_number: "",
  request_id: "",
};

export function searchOf({ size: _size, page: _page, after: _after, ...search }: State): Search {
  return search;
}

/** What is wrong with a search; the keys of texts. */
export interface Faults {
  to?: "toBeforeFrom";
  request_id?: "badRequestID";
}

export function faultsOf(search: Search): Faults {
  return {
    ...(search.from !== "" && search.to !== "" && search.to < search.from && { to: "toBeforeFrom" as const }),
    ...(!/^[A-Za-z0-9_-]{0,64}$/.test(search.request_id.trim()) && { request_id: "badRequestID" as const }),
  };
}

const isDay = (text: string) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));

/** What the API is asked for. The last day is searched to its end. */
export function queryOf(search: Search, times: Pick<Times, "dayBegins">): CallbackQuery {
  const number = search.number.trim();
  const local_number = search.local_number.trim();
  const request_id = search.request_id.trim();
  return {
    ...(isDay(search.from) && { registered_from: times.dayBegins(search.from) }),
    ...(isDay(search.to) && { registered_to: times.dayBegins(search.to, 1) }),
    ...(search.call_center.length > 0 && { call_center: [...search.call_center] }),
    ...(search.business_label.length > 0 && { business_label: [...search.business_label] }),
    ...(search.assignee.length > 0 && { assignee: [...search.assignee] }),
    ...(search.unassigned && { unassigned: true }),
    ...(search.status.length > 0 && { status: [...search.status] }),
    ...(number !== "" && { number }),
    ...(local_number !== "" && { local_number }),
    ...(request_id !== "" && { request_id }),
    sort: "id",
    order: "desc",
  };
}

/** Where the whole result is, as CSV. */
export function csvAddress(query: CallbackQuery): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) params.set(name, String(value));
  return `/api/v1/callbacks.csv?${params}`;
}

import { type CallbackQuery, firstPage } from "../../callbacks/useCallbackList";
import { pageSizes } from "../../ui/Paging";
import { choice, choices, flag, text, useUrlState, type Values, whole, words } from "../../ui/url-state";

export const sorts = ["id", "registered_at", "status", "assignee", "call_center"] as const;

/** What the user chose to see of the list, as it stands in the URL. */
const parameters = {
  q: text(),
  status: choices(["open", "completed"]),
  mine: flag(),
  unassigned: flag(),
  assignee: words(),
  sort: choice(sorts, "id"),
  order: choice(["desc", "asc"], "desc"),
  size: choice(pageSizes, "50"),
  page: whole(1, 1),
  /** The cursor of the page. */
  after: text(),
};

export type ListState = Values<typeof parameters>;
export type Show = (change: Partial<ListState>, how?: { push?: boolean }) => void;

export function useListState(): [ListState, Show] {
  return useUrlState(parameters);
}

/** How many people may be asked for at once. */
const mostAssignees = 100;

/** What the API is asked for, without the page. */
export function filtersOf(state: ListState): CallbackQuery {
  const q = state.q.trim().slice(0, 200);
  return {
    ...(q !== "" && { q }),
    ...(state.status.length > 0 && { status: [...state.status] }),
    ...(state.assignee.length > 0 && { assignee: state.assignee.slice(0, mostAssignees) }),
    ...(state.mine && { mine: true }),
    ...(state.unassigned && { unassigned: true }),
    sort: state.sort,
    order: state.order,
  };
}

/** How many of the filters are set. */
export function filterCount(state: ListState): number {
  return state.status.length + state.assignee.length + Number(state.mine) + Number(state.unassigned);
}

export const noFilters = {
  q: "",
  status: [],
  assignee: [],
  mine: false,
  unassigned: false,
  ...firstPage,
} as const;

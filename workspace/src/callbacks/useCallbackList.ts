import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, read } from "../api/client";
import type { paths } from "../api/schema.gen";
import type { PageSize, PagingProps } from "../ui/Paging";
import { usePages } from "../ui/pages";
import { callbackKeys } from "./keys";

export type CallbackQuery = NonNullable<paths["/callbacks"]["get"]["parameters"]["query"]>;

/** Where in a list the user is, as it stands in the URL. */
export interface Place {
  page: number;
  /** The cursor of the page; the first has none. */
  after: string;
  size: PageSize;
}

export const firstPage = { page: 1, after: "" } as const;

/** A page of the callbacks that filters match, and the way to the others. */
export function useCallbackList(
  filters: CallbackQuery,
  place: Place,
  show: (change: Partial<Place>, how?: { push?: boolean }) => void,
) {
  const { page, after, size } = place;
  const query = useMemo(
    () => ({
      ...filters,
      page_size: Number(size),
      total: true,
      ...(page > 1 && after !== "" && { cursor: after }),
    }),
    [filters, page, after, size],
  );
  const list = useQuery({
    queryKey: callbackKeys.list(query),
    queryFn: ({ signal }) => read(api.GET("/callbacks", { params: { query }, signal })),
    // Coming back to other filters shows what matches now, not what matched then.
    gcTime: 0,
    placeholderData: keepPreviousData,
  });

  const pages = usePages(JSON.stringify([filters, size]));
  const goTo = (to: number, cursor: string) => {
    pages.remember(page, after);
    show({ page: to, after: cursor }, { push: true });
    window.scrollTo({ top: 0 });
  };
  const before = pages.cursorOf(page - 1);
  const next = list.data?.next_cursor ?? null;
  const paging: PagingProps = {
    page,
    size,
    shown: list.data?.items.length ?? 0,
    total: list.data?.total,
    toFirst: page > 1 ? () => goTo(1, "") : null,
    toPrevious: page === 2 ? () => goTo(1, "") : before === null ? null : () => goTo(page - 1, before),
    toNext: next === null ? null : () => goTo(page + 1, next),
    setSize: (to) => show({ ...firstPage, size: to }),
  };
  return { list, paging };
}

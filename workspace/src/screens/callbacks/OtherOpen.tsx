import { Anchor, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { api, read } from "../../api/client";
import type { CallbackDetail } from "../../api/types";
import { callbackKeys } from "../../callbacks/keys";

/** How many are named; a number rarely has more. */
const most = 10;

/** How many of the last digits two spellings of one telephone number share, whatever comes before them. */
const shared = 9;

/**
 * Tells whether two numbers, one of which begins as the other, are one number in two spellings, as are 0312345678 and
 * +81312345678. A number that only goes on after the other ends in other digits.
 */
export function isSameNumber(a: string | null, b: string | null): boolean {
  if (a === null || b === null) return false;
  return a === b || (Math.min(a.length, b.length) > shared && a.slice(-shared) === b.slice(-shared));
}

/** The other open callbacks of the number, since whoever calls back may answer them in one call. */
export function OtherOpen({ callback }: { callback: CallbackDetail }) {
  const { t } = useTranslation("callbacks");
  const query = {
    number: callback.remote_number ?? "",
    call_center: [callback.call_center],
    status: ["open" as const],
    page_size: most + 1,
  };
  const others = useQuery({
    queryKey: callbackKeys.list(query),
    queryFn: ({ signal }) => read(api.GET("/callbacks", { params: { query }, signal })),
    enabled: callback.other_open_callbacks > 0 && callback.remote_number !== null,
  });
  const ids = others.data?.items
    .filter((c) => c.id !== callback.id && isSameNumber(c.remote_number, callback.remote_number) && c.status === "open")
    .map((c) => c.id);
  return (
    <Group gap="xs">
      <Text size="sm">{t("detail.others", { count: callback.other_open_callbacks })}</Text>
      {ids?.slice(0, most).map((id) => (
        <Anchor key={id} size="sm" component={Link} href={`/${id}`}>
          ID {id}
        </Anchor>
      ))}
    </Group>
  );
}

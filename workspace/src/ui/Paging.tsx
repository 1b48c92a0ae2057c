import { Button, Group, NativeSelect, Text } from "@mantine/core";
import { IconChevronLeft, IconChevronRight, IconChevronsLeft } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";

export const pageSizes = ["50", "100", "200"] as const;
export type PageSize = (typeof pageSizes)[number];

export interface PagingProps {
  page: number;
  size: PageSize;
  /** How many records this page has. */
  shown: number;
  total: number | undefined;
  /** What leads to other pages; null where there is none, or the way is not known. */
  toFirst: (() => void) | null;
  toPrevious: (() => void) | null;
  toNext: (() => void) | null;
  setSize: (size: PageSize) => void;
}

/** Says which records of how many are shown, and leads to the other pages. */
export function Paging({ page, size, shown, total, toFirst, toPrevious, toNext, setSize }: PagingProps) {
  const { t } = useTranslation();
  const before = (page - 1) * Number(size);
  // While the next page is fetched, shown is that of the page before.
  const range = { from: before + 1, to: Math.min(before + shown, total ?? before + shown) };
  return (
    <Group component="nav" aria-label={t("paging.label")} justify="space-between" gap="md">
      <Text size="sm" c="dimmed">
        {shown === 0
          ? t("paging.none")
          : total === undefined
            ? t("paging.range", range)
            : t("paging.rangeOf", { ...range, total })}
      </Text>
      <Group gap="xs">
        <NativeSelect
          aria-label={t("paging.size")}
          size="xs"
          value={size}
          data={pageSizes.map((value) => ({ value, label: t("paging.each", { size: value }) }))}
          onChange={(event) => setSize(pageSizes.find((s) => s === event.currentTarget.value) ?? "50")}
        />
        <Step label={t("paging.first")} to={toFirst} left={<IconChevronsLeft size={16} aria-hidden />} />
        <Step label={t("paging.previous")} to={toPrevious} left={<IconChevronLeft size={16} aria-hidden />} />
        <Text size="sm" px={4} aria-current="page">
          {t("paging.page", { page })}
        </Text>
        <Step label={t("paging.next")} to={toNext} right={<IconChevronRight size={16} aria-hidden />} />
      </Group>
    </Group>
  );
}

function Step({
  label,
  to,
  left,
  right,
}: {
  label: string;
  to: (() => void) | null;
  left?: ReactNode;
  right?: ReactNode;
}) {
  return (
    <Button
      size="xs"
      variant="default"
      disabled={to === null}
      onClick={() => to?.()}
      leftSection={left}
      rightSection={right}
    >
      {label}
    </Button>
  );
}

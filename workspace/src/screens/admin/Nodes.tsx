import { Button, Group, Stack, Table, Text, Title } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import { type Gap, NodeTable } from "../../nodes/NodeTable";
import { useTimes } from "../../site/times";
import { EmptyState } from "../../ui/EmptyState";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Mark } from "../../ui/Mark";

/** How often nodes and the newest gaps are asked for, in milliseconds. */
const interval = 5_000;

/** The PBX nodes with their state, and the times in which their events were not followed. */
export function Nodes() {
  const { t } = useTranslation(["admin", "common"]);
  const nodes = useQuery({
    queryKey: ["nodes"],
    queryFn: ({ signal }) => read(api.GET("/nodes", { signal })),
    refetchInterval: interval,
    staleTime: 0,
  });
  return (
    <Stack gap="lg">
      {nodes.isError && <ErrorMessage error={nodes.error} retry={() => void nodes.refetch()} />}
      {nodes.isPending && <Loading />}
      {nodes.data && <NodeTable nodes={nodes.data.items} />}
      <section>
        <Title order={2} size="h5">
          {t("nodes.gaps")}
        </Title>
        <Text size="sm" c="dimmed" mb="xs">
          {t("nodes.gapsHint")}
        </Text>
        <Gaps />
      </section>
    </Stack>
  );
}

function Gaps() {
  const { t } = useTranslation(["admin", "common"]);
  const gaps = useInfiniteQuery({
    queryKey: ["gaps"],
    queryFn: ({ signal, pageParam }) =>
      read(api.GET("/gaps", { params: { query: pageParam === null ? {} : { cursor: pageParam } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: interval,
    staleTime: 0,
  });
  if (gaps.isPending) return <Loading />;
  if (gaps.isError) return <ErrorMessage error={gaps.error} retry={() => void gaps.refetch()} />;
  const items = gaps.data.pages.flatMap((page) => page.items);
  if (items.length === 0) return <EmptyState icon={IconCheck} title={t("nodes.noGaps")} hint={t("nodes.noGapsHint")} />;
  return (
    <Stack gap="sm" align="flex-start">
      <Table aria-label={t("nodes.gaps")} verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">{t("nodes.node")}</Table.Th>
            <Table.Th scope="col">{t("nodes.from")}</Table.Th>
            <Table.Th scope="col">{t("nodes.to")}</Table.Th>
            <Table.Th scope="col">{t("nodes.length")}</Table.Th>
            <Table.Th scope="col">{t("nodes.why")}</Table.Th>
            <Table.Th scope="col">{t("nodes.repair")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {items.map((gap) => (
            <GapRow key={`${gap.node} ${gap.from}`} gap={gap} />
          ))}
        </Table.Tbody>
      </Table>
      {gaps.hasNextPage && (
        <Button variant="default" loading={gaps.isFetchingNextPage} onClick={() => void gaps.fetchNextPage()}>
          {t("nodes.more")}
        </Button>
      )}
    </Stack>
  );
}

function GapRow({ gap }: { gap: Gap }) {
  const { t, i18n } = useTranslation("admin");
  const times = useTimes();
  const known = i18n.exists(`admin:nodes.reason.${gap.why}`);
  return (
    <Table.Tr>
      <Table.Td>{gap.node}</Table.Td>
      <Table.Td>{times.dateTime(gap.from)}</Table.Td>
      <Table.Td>{gap.to === null ? t("nodes.lasts") : times.dateTime(gap.to)}</Table.Td>
      <Table.Td>{times.duration(gap.gap_seconds)}</Table.Td>
      <Table.Td>{known ? t(`nodes.reason.${gap.why}` as "nodes.reason.closed") : gap.why}</Table.Td>
      <Table.Td>
        <Repair gap={gap} />
      </Table.Td>
    </Table.Tr>
  );
}

/** What is known now of the calls of a gap. */
function Repair({ gap }: { gap: Gap }) {
  const { t } = useTranslation("admin");
  const settled = gap.settled ?? "lasts";
  const tone = { cel: "good", unrepaired: "busy", lasts: "quiet" } as const;
  return (
    <Group gap="xs">
      <Mark tone={tone[settled]}>{t(`nodes.settled.${settled}`)}</Mark>
      {gap.repaired_calls > 0 && <span>{t("nodes.repaired", { count: gap.repaired_calls })}</span>}
      {gap.unknown_calls > 0 && <span>{t("nodes.unknown", { count: gap.unknown_calls })}</span>}
    </Group>
  );
}

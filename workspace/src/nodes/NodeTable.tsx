import { Stack, Table, Text } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconServer } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { components } from "../api/schema.gen";
import { useTimes } from "../site/times";
import { Elapsed } from "../ui/Elapsed";
import { EmptyState } from "../ui/EmptyState";
import { Mark } from "../ui/Mark";
import "./texts";

export type Node = components["schemas"]["Node"];
export type Gap = components["schemas"]["Gap"];

/** Whether the events of each PBX node flow, and if not, why and since when. */
export function NodeTable({ nodes }: { nodes: readonly Node[] }) {
  const { t } = useTranslation("node");
  const times = useTimes();
  if (nodes.length === 0) return <EmptyState icon={IconServer} title={t("none")} hint={t("noneHint")} />;
  return (
    <Table aria-label={t("label")} verticalSpacing="xs">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t("column.name")}</Table.Th>
          <Table.Th scope="col">{t("column.state")}</Table.Th>
          <Table.Th scope="col">{t("column.since")}</Table.Th>
          <Table.Th scope="col">{t("column.why")}</Table.Th>
          <Table.Th scope="col">{t("column.lastEvent")}</Table.Th>
          <Table.Th scope="col">{t("column.gap")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {nodes.map((node) => (
          <Table.Tr key={node.name}>
            <Table.Th scope="row">
              {node.name}
              {node.followed_by !== null && (
                <Text size="xs" c="dimmed" fw="normal">
                  {t("followedBy", { daemon: node.followed_by })}
                </Text>
              )}
            </Table.Th>
            <Table.Td>
              <Stack gap={4} align="flex-start">
                <NodeStateMark state={node.state} />
                <Lines lines={node.lines} />
              </Stack>
            </Table.Td>
            <Table.Td>{node.since === null ? "-" : <Elapsed since={node.since} />}</Table.Td>
            <Table.Td>
              <Stack gap={0}>
                <span>{node.why ?? "-"}</span>
                {node.detail !== null && (
                  <Text size="xs" c="dimmed">
                    {node.detail}
                  </Text>
                )}
              </Stack>
            </Table.Td>
            <Table.Td>{times.ago(node.last_event_seconds)}</Table.Td>
            <Table.Td>
              <GapText gap={node.open_gap ?? node.last_gap} />
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function NodeStateMark({ state }: { state: Node["state"] }) {
  const { t } = useTranslation("node");
  const good = state === "connected";
  return (
    <Mark tone={good ? "good" : "alarm"} icon={good ? IconCheck : IconAlertTriangle}>
      {t(`state.${state}`)}
    </Mark>
  );
}

/** Whether anybody answers by SIP: at which lines nobody does, or else how many there are. */
function Lines({ lines }: { lines: Node["lines"] }) {
  const { t } = useTranslation("node");
  const silent = lines.filter((line) => line.state === "silent");
  if (lines.length === 0) return null;
  if (silent.length > 0)
    return silent.map((line) => (
      <Mark key={line.name} tone="alarm" icon={IconAlertTriangle}>
        {t("line.silent", { name: line.name === "pbx" ? t("line.own") : line.name })}
      </Mark>
    ));
  const there = lines.filter((line) => line.state !== "unknown").length;
  return (
    <Text size="xs" c="dimmed">
      {t("line.answering", { there, count: lines.length })}
    </Text>
  );
}

function GapText({ gap }: { gap: Gap | null }) {
  const { t } = useTranslation("node");
  const times = useTimes();
  if (gap === null) return "-";
  const from = times.dateTime(gap.from);
  if (gap.to === null) return t("gapOpen", { from });
  return t("gapClosed", { from, length: times.duration(gap.gap_seconds) });
}

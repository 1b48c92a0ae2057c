import { Anchor, Badge, Table } from "@mantine/core";
import { IconPhone, IconPhoneIncoming, IconPhoneOutgoing, IconQuestionMark, IconUser } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { callAddress } from "../../app/addresses";
import { useNames } from "../../site/plan";
import { Elapsed } from "../../ui/Elapsed";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import classes from "./monitor.module.css";
import type { Monitor } from "./useMonitor";

type Agent = Monitor["agents"][number];

const looks = {
  idle: { color: "gray.7", icon: IconUser },
  ringing: { color: "orange.9", icon: IconPhoneIncoming },
  dialling: { color: "blue.8", icon: IconPhoneOutgoing },
  talking: { color: "green.9", icon: IconPhone },
  unknown: { color: "gray.7", icon: IconQuestionMark },
} as const;

/** What the phone of each agent does. */
export function Agents({ agents }: { agents: readonly Agent[] }) {
  const { t } = useTranslation("monitor");
  const names = useNames();
  if (agents.length === 0) {
    return <EmptyState icon={IconUser} title={t("agents.none")} hint={t("agents.noneHint")} />;
  }
  return (
    <Table aria-label={t("agents.title")} className={classes.numbers ?? ""} verticalSpacing="xs">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t("agents.name")}</Table.Th>
          <Table.Th scope="col">{t("agents.state")}</Table.Th>
          <Table.Th scope="col">{t("agents.since")}</Table.Th>
          <Table.Th scope="col">{t("agents.call")}</Table.Th>
          <Table.Th scope="col">{t("agents.callCenters")}</Table.Th>
          <Table.Th scope="col">{t("agents.endpoint")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {agents.map((agent) => (
          <Table.Tr key={agent.id}>
            <Table.Th scope="row">
              <EllipsisText fw={600}>{agent.display_name}</EllipsisText>
            </Table.Th>
            <Table.Td>
              <StateMark state={agent.state} />
            </Table.Td>
            <Table.Td>{agent.since === null ? "-" : <Elapsed since={agent.since} />}</Table.Td>
            <Table.Td>
              {agent.request_id === null ? (
                "-"
              ) : (
                <Anchor
                  component={Link}
                  href={`~${callAddress(agent.request_id)}`}
                  aria-label={`${agent.display_name} ${t("agents.openCall")}`}
                  inherit
                >
                  {t("agents.openCall")}
                </Anchor>
              )}
            </Table.Td>
            <Table.Td>
              <EllipsisText>{agent.call_centers.map(names.callCenter).join(", ")}</EllipsisText>
            </Table.Td>
            <Table.Td>
              <EllipsisText>{agent.endpoint}</EllipsisText>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function StateMark({ state }: { state: Agent["state"] }) {
  const { t } = useTranslation("monitor");
  const { color, icon: Icon } = looks[state];
  return (
    <Badge variant="outline" color={color} radius="sm" tt="none" leftSection={<Icon size={12} aria-hidden />}>
      {t(`state.${state}`)}
    </Badge>
  );
}

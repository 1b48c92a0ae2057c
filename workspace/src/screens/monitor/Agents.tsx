import { Anchor, Table } from "@mantine/core";
import { IconPhone, IconPhoneIncoming, IconPhoneOutgoing, IconQuestionMark, IconUser } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { callAddress } from "../../app/addresses";
import { useNames } from "../../site/plan";
import { Elapsed } from "../../ui/Elapsed";
import { EllipsisText } from "../../ui/EllipsisText";
import { EmptyState } from "../../ui/EmptyState";
import { Mark } from "../../ui/Mark";
import classes from "./monitor.module.css";
import type { Monitor } from "./useMonitor";

type Agent = Monitor["agents"][number];

const looks = {
  idle: { tone: "quiet", icon: IconUser },
  ringing: { tone: "busy", icon: IconPhoneIncoming },
  dialling: { tone: "info", icon: IconPhoneOutgoing },
  talking: { tone: "good", icon: IconPhone },
  unknown: { tone: "quiet", icon: IconQuestionMark },
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
  return <Mark {...looks[state]}>{t(`state.${state}`)}</Mark>;
}

import { Paper, Text, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { NodeTable } from "../../nodes/NodeTable";
import { useTimes } from "../../site/times";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { Agents } from "./Agents";
import { Desks } from "./Desks";
import en from "./en.json";
import ja from "./ja.json";
import { useMonitor } from "./useMonitor";

addTexts("monitor", { ja, en });

/** リアルタイムモニタ. What was known last stays while the server does not answer, beneath what is wrong. */
export default function MonitorScreen() {
  const { t } = useTranslation(["monitor", "common"]);
  const times = useTimes();
  const monitor = useMonitor();
  return (
    <Page
      title={t("title")}
      aside={
        monitor.data && (
          <Text size="sm" c="dimmed">
            {t("at", { time: times.time(monitor.data.at) })}
          </Text>
        )
      }
    >
      {monitor.isError && <ErrorMessage error={monitor.error} retry={() => void monitor.refetch()} />}
      {monitor.isPending && <Loading />}
      {monitor.data && (
        <>
          <Section title={t("desks.title")}>
            <Desks desks={monitor.data.call_centers} />
          </Section>
          <Section title={t("agents.title")}>
            <Agents agents={monitor.data.agents} />
          </Section>
          <Section title={t("nodes")}>
            <NodeTable nodes={monitor.data.nodes} />
          </Section>
        </>
      )}
    </Page>
  );
}

function Section({ title, children }: { title: string; children: ReactNode }) {
  const heading = useId();
  return (
    <Paper component="section" withBorder p="md" aria-labelledby={heading}>
      <Title order={2} size="h5" mb="xs" id={heading}>
        {title}
      </Title>
      {children}
    </Paper>
  );
}

import { Spoiler, Stack, Text, Timeline, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { HistoryEntry } from "../../api/types";
import { useHistory } from "../../callbacks/change";
import { useFieldTexts } from "../../callbacks/fields";
import { usePeople } from "../../site/people";
import { useTimes } from "../../site/times";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Spinner } from "../../ui/Loading";

/** Who changed what, newest first. */
export function History({ id }: { id: number }) {
  const { t } = useTranslation(["callback", "callbacks", "common"]);
  const history = useHistory(id);
  return (
    <Stack gap="xs" component="section" aria-label={t("callbacks:detail.history")}>
      <Title order={2} size="h5">
        {t("callbacks:detail.history")}
      </Title>
      {history.isPending && <Spinner size="sm" />}
      {history.isError && <ErrorMessage error={history.error} retry={() => void history.refetch()} />}
      {history.data && (
        <Timeline bulletSize={12} lineWidth={2} active={history.data.length}>
          {history.data.toReversed().map((entry) => (
            <Timeline.Item key={entry.version} title={<Heading entry={entry} />}>
              <Changes entry={entry} />
            </Timeline.Item>
          ))}
        </Timeline>
      )}
    </Stack>
  );
}

function Heading({ entry }: { entry: HistoryEntry }) {
  const { t } = useTranslation("callback");
  const people = usePeople();
  const times = useTimes();
  return (
    <Text size="sm">
      <Text span fw={600}>
        {t(`action.${entry.action}`)}
      </Text>{" "}
      {people.who(entry.by)}{" "}
      <Text span size="xs" c="dimmed">
        <time dateTime={entry.at}>{times.dateTime(entry.at)}</time>
      </Text>
    </Text>
  );
}

function Changes({ entry }: { entry: HistoryEntry }) {
  const { t } = useTranslation("callbacks");
  const texts = useFieldTexts();
  // What a callback began with is no change.
  if (entry.action === "register") return null;
  return entry.changes.map((c) => (
    <Spoiler
      key={c.field}
      maxHeight={88}
      showLabel={t("detail.wholeMemo")}
      hideLabel={t("detail.lessMemo")}
      styles={{ control: { fontSize: "var(--mantine-font-size-sm)" } }}
    >
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        {texts.label(c.field)}: {texts.value(c.field, c.from)} → {texts.value(c.field, c.to)}
      </Text>
    </Spoiler>
  ));
}

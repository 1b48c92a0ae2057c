import { Badge } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Call } from "../../api/types";
import { Elapsed } from "../../ui/Elapsed";

/** Whether a call rings, is talked on, or how it ended. */
export function CallState({ call }: { call: Call }) {
  const { t } = useTranslation(["contacts", "common"]);
  if (call.state === "ended") {
    return <span>{call.outcome ? t(`common:outcome.${call.outcome}`) : t("state.ended")}</span>;
  }
  const talking = call.answered_at !== null;
  return (
    <Badge
      variant="outline"
      color={talking ? "green.9" : "orange.9"}
      radius="sm"
      tt="none"
      rightSection={<Elapsed since={call.answered_at ?? call.started_at} />}
    >
      {t(talking ? "state.talking" : "state.waiting")}
    </Badge>
  );
}

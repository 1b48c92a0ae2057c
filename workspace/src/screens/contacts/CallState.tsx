import { IconPhone, IconPhoneIncoming } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Call } from "../../api/types";
import { Elapsed } from "../../ui/Elapsed";
import { Mark } from "../../ui/Mark";

/** Whether a call rings, is talked on, or how it ended. */
export function CallState({ call }: { call: Call }) {
  const { t } = useTranslation(["contacts", "common"]);
  if (call.state === "ended") {
    return <span>{call.outcome ? t(`common:outcome.${call.outcome}`) : t("state.ended")}</span>;
  }
  const talking = call.answered_at !== null;
  return (
    <Mark tone={talking ? "good" : "busy"} icon={talking ? IconPhone : IconPhoneIncoming}>
      {t(talking ? "state.talking" : "state.waiting")} <Elapsed since={call.answered_at ?? call.started_at} />
    </Mark>
  );
}

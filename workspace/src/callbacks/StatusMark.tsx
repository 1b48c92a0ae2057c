import { IconCheck, IconCircleDashed } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Status } from "../api/types";
import { Mark } from "../ui/Mark";
import "./texts";

/** The status of a callback: what is still to be done stands out. */
export function StatusMark({ status }: { status: Status }) {
  const { t } = useTranslation("callback");
  const done = status === "completed";
  return (
    <Mark tone={done ? "quiet" : "busy"} icon={done ? IconCheck : IconCircleDashed}>
      {t(`status.${status}`)}
    </Mark>
  );
}

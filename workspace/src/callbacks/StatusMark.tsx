import { Badge } from "@mantine/core";
import { IconCheck, IconCircleDashed } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Status } from "../api/types";
import "./texts";

/** The status, by colour, shape and word: none of the three is needed to tell it. */
export function StatusMark({ status }: { status: Status }) {
  const { t } = useTranslation("callback");
  const Icon = status === "completed" ? IconCheck : IconCircleDashed;
  return (
    <Badge
      variant={status === "completed" ? "default" : "light"}
      color={status === "completed" ? "gray" : "orange"}
      leftSection={<Icon size={12} aria-hidden />}
      tt="none"
    >
      {t(`status.${status}`)}
    </Badge>
  );
}

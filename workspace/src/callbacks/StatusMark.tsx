import { IconCheck, IconCircleDashed } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Status } from "../api/types";
import classes from "./StatusMark.module.css";
import "./texts";

/** The status, by colour, shape and word: none of the three is needed to tell it. */
export function StatusMark({ status }: { status: Status }) {
  const { t } = useTranslation("callback");
  const Icon = status === "completed" ? IconCheck : IconCircleDashed;
  return (
    <span className={classes.mark} data-status={status}>
      <Icon size={13} aria-hidden />
      {t(`status.${status}`)}
    </span>
  );
}

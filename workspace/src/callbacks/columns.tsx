import { type MouseEvent, useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { Callback } from "../api/types";
import { callbackAddress } from "../app/addresses";
import { currentLanguage } from "../i18n";
import { useNames } from "../site/plan";
import { useTimes } from "../site/times";
import { EllipsisText } from "../ui/EllipsisText";
import type { Column } from "../ui/RecordTable";
import classes from "./columns.module.css";
import { StatusMark } from "./StatusMark";
import "./texts";

type Name =
  | "status"
  | "id"
  | "registered_at"
  | "remote_number"
  | "remote_name"
  | "call_center"
  | "business_label"
  | "assignee"
  | "memo";

/** The columns of a table of callbacks, under their names. */
export function useCallbackColumns(): Record<Name, Column<Callback>> {
  const { t } = useTranslation(["callback", "common"]);
  const times = useTimes();
  const names = useNames();
  return useMemo(
    () => ({
      status: {
        name: "status",
        header: t("field.status"),
        // As wide as the longer word.
        width: currentLanguage() === "ja" ? 90 : 112,
        cell: (c) => <StatusMark status={c.status} />,
      },
      id: {
        name: "id",
        header: t("field.id"),
        width: 74,
        cell: (c) => (
          <a className={classes.id} href={callbackAddress(c.id)} tabIndex={-1} onClick={leaveToRow}>
            {c.id}
          </a>
        ),
      },
      registered_at: {
        name: "registered_at",
        header: t("field.registered_at"),
        width: 110,
        cell: (c) => (
          <time dateTime={c.registered_at} title={times.dateTime(c.registered_at)}>
            {times.short(c.registered_at)}
          </time>
        ),
      },
      remote_number: {
        name: "remote_number",
        header: t("field.remote_number"),
        width: 116,
        cell: (c) => <EllipsisText>{c.remote_number ?? t("common:withheld")}</EllipsisText>,
      },
      remote_name: { ...textColumn("remote_name", t("field.remote_name"), (c) => c.remote_name), width: "12%" },
      call_center: {
        ...textColumn("call_center", t("field.call_center"), (c) => names.callCenter(c.call_center)),
        width: "12%",
      },
      business_label: {
        ...textColumn("business_label", t("field.business_label"), (c) => names.businessLabel(c.business_label)),
        width: 90,
      },
      assignee: {
        ...textColumn("assignee", t("field.assignee"), (c) => c.assignee_name ?? c.assignee),
        width: "9%",
      },
      memo: {
        name: "memo",
        header: t("field.memo"),
        cell: (c) => (c.memo === "" ? null : <EllipsisText>{c.memo}</EllipsisText>),
      },
    }),
    [t, times, names],
  );
}

// The link is for a new tab or window of the browser; a plain click is the row's.
function leaveToRow(event: MouseEvent): void {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) event.stopPropagation();
  else event.preventDefault();
}

function textColumn(name: Name, header: string, text: (c: Callback) => string | null): Column<Callback> {
  return { name, header, cell: (c) => <EllipsisText>{text(c) ?? "-"}</EllipsisText> };
}

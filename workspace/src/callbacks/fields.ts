import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import type { HistoryEntry } from "../api/types";
import { usePeople } from "../site/people";
import { useNames } from "../site/plan";
import { useTimes } from "../site/times";
import "./texts";

/** The members of a callback that change, in words and values for people. */
export interface FieldTexts {
  label(field: string): string;
  value(field: string, value: string | null): string;
}

export function useFieldTexts(): FieldTexts {
  const { t, i18n } = useTranslation("callback");
  const people = usePeople();
  const names = useNames();
  const times = useTimes();
  return useMemo(() => {
    const value = (field: string, v: string | null) => {
      if (field === "assignee") return v === null ? t("unassigned") : people.name(v);
      if (v === null || v === "") return t("empty");
      if (field === "status" && (v === "open" || v === "completed")) return t(`status.${v}`);
      if (field === "call_center") return names.callCenter(v);
      if (field === "business_label") return names.businessLabel(v);
      if (field.endsWith("_at")) return times.dateTime(v);
      if (field.endsWith("_by")) return people.who(v);
      return v;
    };
    // The contract may name members that this page does not know yet.
    const label = (field: string) =>
      i18n.exists(`callback:field.${field}`) ? t(`field.${field}` as "field.id") : field;
    return { label, value };
  }, [t, i18n, people, names, times]);
}

/** The changes that a history has after a version. */
export function since(history: readonly HistoryEntry[], version: number): HistoryEntry[] {
  return history.filter((entry) => entry.version > version);
}

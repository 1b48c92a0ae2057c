import { Anchor, Table } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { Link } from "wouter";
import { useTimes } from "../../site/times";
import { Elapsed } from "../../ui/Elapsed";
import { EmptyState } from "../../ui/EmptyState";
import classes from "./monitor.module.css";
import type { Monitor } from "./useMonitor";

/** What goes on at each call center; from the callbacks a link leads to their list. */
export function Desks({ desks }: { desks: Monitor["call_centers"] }) {
  const { t } = useTranslation("monitor");
  const times = useTimes();
  if (desks.length === 0) return <EmptyState title={t("desks.none")} hint={t("desks.noneHint")} />;
  return (
    <Table aria-label={t("desks.title")} className={classes.numbers ?? ""} verticalSpacing="xs">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{t("desks.name")}</Table.Th>
          <Table.Th scope="col">{t("desks.waiting")}</Table.Th>
          <Table.Th scope="col">{t("desks.longestWait")}</Table.Th>
          <Table.Th scope="col">{t("desks.talking")}</Table.Th>
          <Table.Th scope="col">{t("desks.open")}</Table.Th>
          <Table.Th scope="col">{t("desks.unassigned")}</Table.Th>
          <Table.Th scope="col">{t("desks.oldest")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {desks.map((desk) => {
          const name = desk.name ?? desk.call_center;
          const search = `q=${encodeURIComponent(name)}&status=open`;
          return (
            <Table.Tr key={desk.call_center}>
              <Table.Th scope="row">{name}</Table.Th>
              <Table.Td data-urgent={desk.waiting > 0 || undefined}>{desk.waiting}</Table.Td>
              <Table.Td data-urgent={desk.waiting > 0 || undefined}>
                {desk.longest_wait_since === null ? "-" : <Elapsed since={desk.longest_wait_since} />}
              </Table.Td>
              <Table.Td>{desk.talking}</Table.Td>
              <Table.Td>
                <Count count={desk.open} to={`~/callbacks?${search}`} label={`${name} ${t("desks.open")}`} />
              </Table.Td>
              <Table.Td data-urgent={desk.unassigned > 0 || undefined}>
                <Count
                  count={desk.unassigned}
                  to={`~/callbacks?${search}&unassigned=1`}
                  label={`${name} ${t("desks.unassigned")}`}
                />
              </Table.Td>
              <Table.Td>{times.short(desk.oldest_open_at)}</Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}

function Count({ count, to, label }: { count: number; to: string; label: string }) {
  if (count === 0) return count;
  return (
    <Anchor component={Link} href={to} aria-label={`${label} ${count}`} underline="always" inherit>
      {count}
    </Anchor>
  );
}

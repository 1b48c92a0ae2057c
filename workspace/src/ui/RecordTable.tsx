import { Box, Table } from "@mantine/core";
import { type KeyboardEvent, memo, type ReactNode, useRef } from "react";
import classes from "./RecordTable.module.css";

export interface Column<T> {
  /** Unique in the table. */
  name: string;
  header: ReactNode;
  /** In pixels; a column without width shares what is left. */
  width?: number;
  cell: (record: T) => ReactNode;
}

interface RecordTableProps<T> {
  /** What the table lists, for screen readers. */
  label: string;
  columns: Column<T>[];
  records: readonly T[];
  keyOf: (record: T) => string;
  /** The record that is shown elsewhere on the screen. */
  selected?: string | null;
  onOpen: (record: T) => void;
}

/**
 * A table of records. A row is one stop for the Tab key: arrows, Home and End move between rows, Enter opens, and
 * controls inside of a row are reached by Tab from it. A row is drawn anew only when its record changes.
 */
export function RecordTable<T>({ label, columns, records, keyOf, selected, onOpen }: RecordTableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const rows = [...(body.current?.rows ?? [])];
    const at = rows.indexOf(event.target as HTMLTableRowElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
    const to = steps[event.key];
    if (at < 0) return;
    if (to !== undefined) {
      event.preventDefault();
      rows[Math.min(Math.max(to, 0), rows.length - 1)]?.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      const record = records[at];
      if (record !== undefined) onOpen(record);
    }
  };
  return (
    <Box className={classes.frame ?? ""}>
      <Table className={classes.table ?? ""} aria-label={label} verticalSpacing="xs" highlightOnHover={false}>
        <Table.Thead className={classes.head ?? ""}>
          <Table.Tr>
            {columns.map((c) => (
              <Table.Th key={c.name} scope="col" {...(c.width ? { w: c.width } : {})}>
                {c.header}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody ref={body} onKeyDown={onKeyDown}>
          {records.map((record) => (
            <Row
              key={keyOf(record)}
              columns={columns as Column<unknown>[]}
              record={record}
              selected={keyOf(record) === selected}
              onOpen={onOpen as (record: unknown) => void}
            />
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  );
}

const Row = memo(function Row({
  columns,
  record,
  selected,
  onOpen,
}: {
  columns: Column<unknown>[];
  record: unknown;
  selected: boolean;
  onOpen: (record: unknown) => void;
}) {
  return (
    <Table.Tr
      className={classes.row ?? ""}
      tabIndex={0}
      aria-current={selected ? "true" : undefined}
      onClick={() => onOpen(record)}
    >
      {columns.map((c) => (
        <Table.Td key={c.name}>{c.cell(record)}</Table.Td>
      ))}
    </Table.Tr>
  );
});

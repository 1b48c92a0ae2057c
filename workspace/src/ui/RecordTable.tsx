import { Box, Table } from "@mantine/core";
import { type FocusEvent, type KeyboardEvent, memo, type ReactNode, useEffect, useRef, useState } from "react";
import classes from "./RecordTable.module.css";

export interface Column<T> {
  /** Unique in the table. */
  name: string;
  header: ReactNode;
  /** In pixels or of the whole table; columns without width share what is left. */
  width?: number | `${number}%`;
  /** Controls in the cell take the given tabIndex, by which only those of one row are stops for the Tab key. */
  cell: (record: T, tabIndex: 0 | -1) => ReactNode;
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
  /** False while the table lies hidden. Shown again, it gives the focus to the row that had it last. */
  active?: boolean;
}

/** Returns the key of the record whose row, or a control in it, has the focus; null when none has. */
export function focusedRecord(): string | null {
  return document.activeElement?.closest<HTMLElement>("tr[data-record]")?.dataset.record ?? null;
}

/**
 * A table of records. One row is a stop for the Tab key, and the controls inside of it are the next; arrows, Home and
 * End move between rows, Enter opens. A row is drawn anew only when its record changes, as long as columns and onOpen
 * are the same objects.
 */
export function RecordTable<T>({
  label,
  columns,
  records,
  keyOf,
  selected,
  onOpen,
  active = true,
}: RecordTableProps<T>) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [visited, setVisited] = useState<string | null>(null);
  const keys = records.map(keyOf);
  const stop = visited !== null && keys.includes(visited) ? visited : keys[0];
  const wasActive = useRef(active);
  useEffect(() => {
    if (active && !wasActive.current && document.activeElement === document.body) {
      body.current?.querySelector<HTMLElement>('tr[tabindex="0"]')?.focus({ preventScroll: true });
    }
    wasActive.current = active;
  }, [active]);
  const onFocus = (event: FocusEvent<HTMLElement>) => {
    const row = event.target.closest<HTMLElement>("tr[data-record]");
    if (row) setVisited(row.dataset.record ?? null);
  };
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
      <Table
        className={classes.table ?? ""}
        aria-label={label}
        verticalSpacing="xs"
        horizontalSpacing={6}
        highlightOnHover={false}
      >
        <Table.Thead className={classes.head ?? ""}>
          <Table.Tr>
            {columns.map((c) => (
              <Table.Th key={c.name} scope="col" {...(c.width ? { w: c.width } : {})}>
                {c.header}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody ref={body} onKeyDown={onKeyDown} onFocus={onFocus}>
          {records.map((record, i) => (
            <Row
              key={keys[i]}
              name={keys[i] ?? ""}
              columns={columns as Column<unknown>[]}
              record={record}
              tabIndex={keys[i] === stop ? 0 : -1}
              selected={keys[i] === selected}
              onOpen={onOpen as (record: unknown) => void}
            />
          ))}
        </Table.Tbody>
      </Table>
    </Box>
  );
}

const Row = memo(function Row({
  name,
  columns,
  record,
  tabIndex,
  selected,
  onOpen,
}: {
  name: string;
  columns: Column<unknown>[];
  record: unknown;
  tabIndex: 0 | -1;
  selected: boolean;
  onOpen: (record: unknown) => void;
}) {
  return (
    // Plain elements: with Mantine's, a list of 200 rows takes several times as long to appear.
    <tr
      className={classes.row}
      data-record={name}
      tabIndex={tabIndex}
      aria-current={selected ? "true" : undefined}
      onClick={() => onOpen(record)}
    >
      {columns.map((c) => (
        <td key={c.name}>{c.cell(record, tabIndex)}</td>
      ))}
    </tr>
  );
});

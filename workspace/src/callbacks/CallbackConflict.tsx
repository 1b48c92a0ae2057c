import { Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { isProblem } from "../api/problem";
import type { Callback } from "../api/types";
import { putCallback } from "../events/cache";
import { usePeople } from "../site/people";
import { useTimes } from "../site/times";
import { type Conflict as Changed, ConflictDialog } from "../ui/ConflictDialog";
import { useHistory } from "./change";
import { since, useFieldTexts } from "./fields";
import { callbackKeys } from "./keys";

/** A change that was refused, because the record had been changed since the version from which it was made. */
export interface Conflict {
  id: number;
  /** From which version the change was made. */
  version: number;
  now: Callback;
}

/** The conflict of which a refusal tells; null when it was refused for another reason. */
export function conflictOf(error: unknown, id: number, version: number): Conflict | null {
  if (!isProblem(error, "stale") || !error.problem.callback) return null;
  return { id, version, now: error.problem.callback };
}

/** The dialog for a conflict. typed says that what the user typed is kept. */
export function CallbackConflict({
  conflict,
  typed = false,
  onDone,
}: {
  conflict: Conflict | null;
  typed?: boolean;
  onDone: () => void;
}) {
  return (
    conflict && (
      <Dialog key={`${conflict.id} ${conflict.now.version}`} conflict={conflict} typed={typed} onDone={onDone} />
    )
  );
}

function Dialog({ conflict, typed, onDone }: { conflict: Conflict; typed: boolean; onDone: () => void }) {
  const { t } = useTranslation("callback");
  const queries = useQueryClient();
  const texts = useFieldTexts();
  const people = usePeople();
  const times = useTimes();
  const history = useHistory(conflict.id);
  const changes: Changed[] = since(history.data ?? [], conflict.version).flatMap((entry) =>
    entry.changes.map((c) => ({
      what: texts.label(c.field),
      from: texts.value(c.field, c.from),
      to: texts.value(c.field, c.to),
      by: people.who(entry.by),
      at: times.dateTime(entry.at),
    })),
  );
  const reload = () => {
    putCallback(queries, conflict.now);
    void queries.invalidateQueries({ queryKey: callbackKeys.one(conflict.id) });
    onDone();
  };
  return (
    <ConflictDialog opened conflicts={changes} onReload={reload} onClose={onDone}>
      {history.isPending && <Text size="sm">{t("conflict.loading")}</Text>}
      {history.isError && <Text size="sm">{t("conflict.failed")}</Text>}
      {typed && <Text size="sm">{t("conflict.kept")}</Text>}
    </ConflictDialog>
  );
}

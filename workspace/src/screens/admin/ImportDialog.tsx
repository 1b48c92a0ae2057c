import { Alert, FileInput, List, ScrollArea, Switch, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconFileTypeCsv } from "@tabler/icons-react";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import { isProblem } from "../../api/problem";
import type { components } from "../../api/schema.gen";
import { useConfirm } from "../../ui/confirm";
import { FormDialog } from "../../ui/FormDialog";

/** How many of the lines that are wrong are shown. */
const shownLines = 100;

/** Imports a CSV file into the phone book: all of it, or nothing, with every line that is wrong. */
export function ImportDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation("admin");
  const confirm = useConfirm();
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [replace, setReplace] = useState(false);
  const send = useMutation({
    mutationFn: (chosen: File) =>
      read(
        api.POST("/phonebook/import", {
          params: { query: { replace } },
          headers: { "Content-Type": "text/csv" },
          body: "",
          // The file as it is, in whatever encoding: a text would be sent in UTF-8.
          bodySerializer: () => chosen,
          // A large file takes longer than other requests may.
          fetch: (request: Request) => fetch(request),
        }),
      ),
    onSuccess: (result) => {
      for (const resource of ["phonebook", "callbacks"]) void queries.invalidateQueries({ queryKey: [resource] });
      notifications.show({ message: t("phonebook.imported", result), autoClose: 10_000 });
      onClose();
    },
  });
  const submit = async () => {
    if (file === null || (replace && !(await confirm({ message: t("phonebook.replaceConfirm"), danger: true }))))
      return;
    send.mutate(file);
  };
  const problem = isProblem(send.error, "invalid_import") ? send.error.problem : null;
  return (
    <FormDialog
      title={t("phonebook.import")}
      submit={t("phonebook.import")}
      pending={send.isPending}
      error={send.error}
      onSubmit={() => void submit()}
      onClose={onClose}
    >
      <FileInput
        label={t("phonebook.file")}
        description={t("phonebook.fileHint")}
        placeholder={t("phonebook.filePlaceholder")}
        required
        accept=".csv,text/csv"
        leftSection={<IconFileTypeCsv size={16} aria-hidden />}
        value={file}
        onChange={(chosen) => {
          setFile(chosen);
          send.reset();
        }}
      />
      <Switch label={t("phonebook.replace")} checked={replace} onChange={(e) => setReplace(e.currentTarget.checked)} />
      {problem !== null && <WrongLines lines={problem.lines ?? []} count={problem.line_count ?? 0} />}
    </FormDialog>
  );
}

function WrongLines({ lines, count }: { lines: readonly components["schemas"]["LineProblem"][]; count: number }) {
  const { t } = useTranslation("admin");
  const shown = lines.slice(0, shownLines);
  return (
    <Alert color="red" variant="outline" title={t("phonebook.lines")}>
      <ScrollArea.Autosize mah={200} tabIndex={0} aria-label={t("phonebook.lines")}>
        <List size="sm">
          {shown.map((line) => (
            <List.Item key={`${line.line} ${line.fault}`}>
              {t("phonebook.line", { line: line.line })}: {line.detail}
            </List.Item>
          ))}
        </List>
      </ScrollArea.Autosize>
      {count > shown.length && <Text size="sm">{t("phonebook.moreLines", { count: count - shown.length })}</Text>}
    </Alert>
  );
}

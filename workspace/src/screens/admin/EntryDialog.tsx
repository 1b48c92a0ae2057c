import { Button, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import { fieldErrors } from "../../api/fields";
import { isProblem } from "../../api/problem";
import type { PhonebookEntry } from "../../api/types";
import { useConfirm } from "../../ui/confirm";
import { FormDialog } from "../../ui/FormDialog";

/** Adds a number to the phone book, or changes or removes the given entry. */
export function EntryDialog({ entry, onClose }: { entry: PhonebookEntry | null; onClose: () => void }) {
  const { t } = useTranslation(["admin", "common"]);
  const confirm = useConfirm();
  const queries = useQueryClient();
  const [base, setBase] = useState(entry);
  const [form, setForm] = useState(() => formOf(entry));
  const change = (part: Partial<Form>) => setForm((f) => ({ ...f, ...part }));
  const done = () => {
    // Callers' names are looked up by number: all that shows one may be another now.
    for (const resource of ["phonebook", "callbacks"]) void queries.invalidateQueries({ queryKey: [resource] });
    onClose();
  };
  const save = useMutation({
    mutationFn: () =>
      base === null
        ? read(api.POST("/phonebook", { body: form }))
        : read(
            api.PATCH("/phonebook/{id}", {
              params: { path: { id: base.id } },
              body: { version: base.version, ...form },
            }),
          ),
    onSuccess: done,
  });
  const remove = useMutation({
    mutationFn: (e: PhonebookEntry) =>
      read(api.DELETE("/phonebook/{id}", { params: { path: { id: e.id }, query: { version: e.version } } })),
    onSuccess: done,
  });
  const failed = save.error ?? remove.error;
  const stale = isProblem(failed, "stale") ? (failed.problem.phonebook_entry ?? null) : null;
  const errors = fieldErrors(save.error);
  return (
    <FormDialog
      title={base === null ? t("phonebook.create") : t("phonebook.edit", { number: base.number_as_written })}
      submit={t("common:action.save")}
      pending={save.isPending}
      error={failed}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        type="tel"
        label={t("phonebook.number")}
        required
        data-autofocus
        maxLength={64}
        value={form.number}
        error={errors.number}
        onChange={(e) => change({ number: e.currentTarget.value })}
      />
      <TextInput
        label={t("phonebook.name")}
        required
        maxLength={100}
        value={form.name}
        error={errors.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
      />
      <TextInput
        label={t("phonebook.note")}
        maxLength={500}
        value={form.note}
        error={errors.note}
        onChange={(e) => change({ note: e.currentTarget.value })}
      />
      {stale !== null && (
        <Button
          variant="default"
          onClick={() => {
            setBase(stale);
            setForm(formOf(stale));
            save.reset();
            remove.reset();
          }}
        >
          {t("common:action.reload")}
        </Button>
      )}
      {base !== null && (
        <Button
          variant="default"
          loading={remove.isPending}
          onClick={async () => {
            const message = t("phonebook.deleteConfirm", { name: base.name, number: base.number_as_written });
            if (await confirm({ message, ok: t("phonebook.delete"), danger: true })) remove.mutate(base);
          }}
        >
          {t("phonebook.delete")}
        </Button>
      )}
    </FormDialog>
  );
}

interface Form {
  number: string;
  name: string;
  note: string;
}

function formOf(entry: PhonebookEntry | null): Form {
  return { number: entry?.number_as_written ?? "", name: entry?.name ?? "", note: entry?.note ?? "" };
}

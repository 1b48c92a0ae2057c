import { Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { fieldErrors } from "../../api/fields";
import type { Callback } from "../../api/types";
import { type Conflict, conflictOf } from "../../callbacks/CallbackConflict";
import { useChangeCallback } from "../../callbacks/change";
import { ErrorMessage } from "../../ui/ErrorMessage";
import { Field } from "../../ui/Field";
import { contactDraft } from "./drafts";
import { Theirs } from "./Theirs";
import type { TextEditor } from "./useTextEditor";
import { useTextEditor } from "./useTextEditor";

export function useContactEditor(callback: Callback): TextEditor {
  return useTextEditor(contactDraft(callback.id), callback, "contact_number");
}

/** Makes of a number what a phone can be given: Japanese keyboards give full-width digits, and ー for a hyphen. */
export function dialable(typed: string): string {
  return typed.normalize("NFKC").replaceAll("ー", "-").trim();
}

/** The number to call, which may be another than the one that called. */
export function ContactField({
  callback,
  editor,
  onConflict,
}: {
  callback: Callback;
  editor: TextEditor;
  onConflict: (c: Conflict) => void;
}) {
  const { t } = useTranslation(["callback", "common"]);
  const change = useChangeCallback();
  const wrong = fieldErrors(change.error).contact_number;
  const end = () => {
    editor.end();
    change.reset();
  };
  const save = () => {
    if (!editor.unsaved) return end();
    const text = editor.text ?? "";
    const number = dialable(text);
    const { version } = editor;
    // A promise, since what is handed to mutate is not called once the page was left.
    change.mutateAsync({ id: callback.id, change: { version, contact_number: number === "" ? null : number } }).then(
      (now) => {
        editor.saved(text, now);
        change.reset();
      },
      (error) => {
        const met = conflictOf(error, callback.id, version);
        if (met) onConflict(met);
      },
    );
  };
  if (editor.text === null) {
    return (
      <Field
        label={t("field.contact_number")}
        action={
          <Button
            size="xs"
            variant="default"
            aria-label={`${t("field.contact_number")} ${t("common:action.edit")}`}
            onClick={editor.begin}
          >
            {t("common:action.edit")}
          </Button>
        }
      >
        <Text size="sm" fw={600}>
          {callback.contact_number ?? t("common:none")}
        </Text>
      </Field>
    );
  }
  return (
    <Field label={t("field.contact_number")}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <Stack gap="xs" py={4}>
          <TextInput
            aria-label={t("field.contact_number")}
            type="tel"
            autoFocus
            maxLength={64}
            value={editor.text}
            error={wrong}
            onChange={(event) => editor.type(event.currentTarget.value)}
          />
          <Theirs text={editor.theirs} />
          {change.isError && !wrong && !conflictOf(change.error, callback.id, 0) && (
            <ErrorMessage error={change.error} />
          )}
          <Group gap="xs">
            <Button size="xs" type="submit" loading={change.isPending}>
              {t("common:action.save")}
            </Button>
            <Button size="xs" variant="default" onClick={end}>
              {t("common:action.cancel")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Field>
  );
}

import { Button, Group, Modal, Stack } from "@mantine/core";
import type { FormEvent, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { fieldErrors } from "../api/fields";
import { ErrorMessage } from "./ErrorMessage";

/**
 * A dialog with a form. It stays open, with what was typed, until the server has taken it; what is wrong with single
 * fields stands there (see fieldErrors), everything else above the buttons.
 */
export function FormDialog({
  title,
  submit,
  pending,
  error,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  /** What stands on the button that sends the form. */
  submit: string;
  pending: boolean;
  error: unknown;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!pending) onSubmit();
  };
  const shown = error !== null && Object.keys(fieldErrors(error)).length === 0;
  return (
    <Modal opened onClose={onClose} title={title} closeButtonProps={{ "aria-label": t("action.close") }} centered>
      <form onSubmit={send} noValidate>
        <Stack gap="md">
          {children}
          {shown && <ErrorMessage error={error} />}
          <Group justify="flex-end" gap="sm">
            <Button variant="default" onClick={onClose}>
              {t("action.cancel")}
            </Button>
            <Button type="submit" loading={pending}>
              {submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

import { Button, Group, PasswordInput, Stack } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../api/client";
import { fieldErrors } from "../api/fields";
import { isProblem } from "../api/problem";
import { ErrorMessage, errorText } from "../ui/ErrorMessage";
import { useMe } from "./session";

const nothing = { current: "", next: "", again: "" };

/** Changes one's own password. This session goes on; the account's others end. */
export function PasswordForm({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const [form, setForm] = useState(nothing);
  const [differs, setDiffers] = useState(false);
  const change = useMutation({
    mutationFn: () => read(api.PATCH("/me", { body: { current_password: form.current, new_password: form.next } })),
    onSuccess: () => {
      notifications.show({ color: "green", message: t("password.changed") });
      onDone();
    },
  });
  const set = (typed: Partial<typeof nothing>) => {
    setForm({ ...form, ...typed });
    setDiffers(false);
    change.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (change.isPending || Object.values(form).includes("")) return;
    if (form.next === form.again) change.mutate();
    else setDiffers(true);
  };
  const errors = fieldErrors(change.error);
  const wrong = isProblem(change.error, "wrong_password");
  const elsewhere =
    change.isError && !wrong && errors.current_password === undefined && errors.new_password === undefined;
  const show = { visibilityToggleButtonProps: { "aria-label": t("password.show") }, required: true } as const;
  return (
    <form onSubmit={submit} aria-label={t("password.title")} noValidate>
      {/* For the browser's store of passwords, which asks whose it is. */}
      <input type="text" name="username" autoComplete="username" value={me.name} readOnly hidden />
      <Stack gap="sm">
        <PasswordInput
          {...show}
          label={t("password.current")}
          autoComplete="current-password"
          value={form.current}
          error={wrong ? errorText(change.error, t) : errors.current_password}
          onChange={(e) => set({ current: e.currentTarget.value })}
        />
        <PasswordInput
          {...show}
          label={t("password.next")}
          description={t("password.hint")}
          autoComplete="new-password"
          value={form.next}
          error={errors.new_password}
          onChange={(e) => set({ next: e.currentTarget.value })}
        />
        <PasswordInput
          {...show}
          label={t("password.again")}
          autoComplete="new-password"
          value={form.again}
          error={differs && t("password.differs")}
          onChange={(e) => set({ again: e.currentTarget.value })}
        />
        {elsewhere && <ErrorMessage error={change.error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={change.isPending} disabled={Object.values(form).includes("")}>
            {t("password.submit")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

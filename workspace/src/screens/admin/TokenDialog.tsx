import { MultiSelect, Select, Switch, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import { fieldErrors } from "../../api/fields";
import type { components } from "../../api/schema.gen";
import type { Role } from "../../api/types";
import { useCallCenters } from "../../site/plan";
import { useTimes } from "../../site/times";
import { FormDialog } from "../../ui/FormDialog";

const roles: Role[] = ["agent", "supervisor", "admin"];

export function TokenDialog({
  onCreated,
  onClose,
}: {
  onCreated: (token: components["schemas"]["CreatedToken"]) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation(["admin", "common"]);
  const times = useTimes();
  const callCenters = useCallCenters().data ?? [];
  const [form, setForm] = useState({
    name: "",
    role: "agent" as Role,
    callCenters: [] as string[],
    acting: false,
    day: "",
  });
  const change = (part: Partial<typeof form>) => setForm((f) => ({ ...f, ...part }));
  const create = useMutation({
    mutationFn: () =>
      read(
        api.POST("/tokens", {
          body: {
            name: form.name.trim(),
            role: form.role,
            may_act_for_accounts: form.acting,
            ...(form.callCenters.length > 0 && { call_centers: form.callCenters }),
            // Through the end of the day.
            ...(form.day !== "" && { expires_at: times.dayBegins(form.day, 1) }),
          },
        }),
      ),
    onSuccess: onCreated,
  });
  const errors = fieldErrors(create.error);
  return (
    <FormDialog
      title={t("tokens.create")}
      submit={t("common:action.save")}
      pending={create.isPending}
      error={create.error}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t("tokens.name")}
        description={t("tokens.nameHint")}
        required
        data-autofocus
        maxLength={100}
        autoComplete="off"
        value={form.name}
        error={errors.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
      />
      <Select
        label={t("tokens.role")}
        allowDeselect={false}
        data={roles.map((value) => ({ value, label: t(`common:role.${value}`) }))}
        value={form.role}
        error={errors.role}
        onChange={(role) => role !== null && change({ role: role as Role })}
      />
      <MultiSelect
        label={t("tokens.callCenters")}
        description={t("tokens.callCentersHint")}
        data={callCenters.map((c) => ({ value: c.id, label: c.name }))}
        value={form.callCenters}
        error={errors.call_centers}
        onChange={(value) => change({ callCenters: value })}
      />
      <Switch
        label={t("tokens.acting")}
        checked={form.acting}
        onChange={(e) => change({ acting: e.currentTarget.checked })}
      />
      <TextInput
        type="date"
        label={t("tokens.expires")}
        description={t("tokens.expiresHint")}
        min={times.day()}
        value={form.day}
        error={errors.expires_at}
        onChange={(e) => change({ day: e.currentTarget.value })}
      />
    </FormDialog>
  );
}

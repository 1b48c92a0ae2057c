import { Button, Divider, Group, MultiSelect, PasswordInput, Select, Switch, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../api/client";
import { fieldErrors } from "../../api/fields";
import { isProblem } from "../../api/problem";
import type { Role } from "../../api/types";
import type { Account } from "../../site/people";
import { useCallCenters } from "../../site/plan";
import { useConfirm } from "../../ui/confirm";
import { FormDialog } from "../../ui/FormDialog";

const roles: Role[] = ["agent", "supervisor", "admin"];

/** Creates an account, or changes the given one. */
export function AccountDialog({ account, onClose }: { account: Account | null; onClose: () => void }) {
  const { t } = useTranslation(["admin", "common"]);
  const queries = useQueryClient();
  const callCenters = useCallCenters().data ?? [];
  const [base, setBase] = useState(account);
  const [form, setForm] = useState(() => formOf(account));
  const change = (part: Partial<Form>) => setForm((f) => ({ ...f, ...part }));
  const save = useMutation({
    mutationFn: () => (base === null ? create(form) : update(base, form)),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["accounts"] });
      onClose();
    },
  });
  // Whoever changed it meanwhile has decided something: the form shows it, and the user decides again.
  const stale = isProblem(save.error, "stale") ? (save.error.problem.account ?? null) : null;
  const reload = () => {
    setBase(stale);
    setForm(formOf(stale));
    save.reset();
    void queries.invalidateQueries({ queryKey: ["accounts"] });
  };
  const errors = fieldErrors(save.error);
  return (
    <FormDialog
      title={base === null ? t("accounts.create") : t("accounts.edit", { name: base.name })}
      submit={t("common:action.save")}
      pending={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      {base === null && (
        <TextInput
          label={t("accounts.name")}
          description={t("accounts.nameHint")}
          required
          data-autofocus
          maxLength={64}
          autoComplete="off"
          value={form.name}
          error={errors.name}
          onChange={(e) => change({ name: e.currentTarget.value.trim().toLowerCase() })}
        />
      )}
      <TextInput
        label={t("accounts.displayName")}
        maxLength={100}
        autoComplete="off"
        value={form.displayName}
        error={errors.display_name}
        onChange={(e) => change({ displayName: e.currentTarget.value })}
      />
      <Select
        label={t("accounts.role")}
        allowDeselect={false}
        data={roles.map((value) => ({ value, label: t(`common:role.${value}`) }))}
        value={form.role}
        error={errors.role}
        onChange={(role) => role !== null && change({ role: role as Role })}
      />
      <MultiSelect
        label={t("accounts.callCenters")}
        {...(form.role === "admin" ? { description: t("accounts.adminSeesAll") } : {})}
        data={callCenters.map((c) => ({ value: c.id, label: c.name }))}
        value={form.callCenters}
        error={errors.call_centers}
        onChange={(value) => change({ callCenters: value })}
      />
      <TextInput
        label={t("accounts.endpoint")}
        description={t("accounts.endpointHint")}
        placeholder="PJSIP/2001"
        maxLength={100}
        autoComplete="off"
        value={form.endpoint}
        error={errors.endpoint}
        onChange={(e) => change({ endpoint: e.currentTarget.value.trim() })}
      />
      {base === null ? (
        <PasswordInput
          label={t("accounts.password")}
          description={t("accounts.passwordHint")}
          required
          autoComplete="new-password"
          value={form.password}
          error={errors.password}
          onChange={(e) => change({ password: e.currentTarget.value })}
        />
      ) : (
        <Switch
          label={t("accounts.mayLogIn")}
          checked={form.enabled}
          onChange={(e) => change({ enabled: e.currentTarget.checked })}
        />
      )}
      {stale !== null && (
        <Button variant="default" onClick={reload}>
          {t("common:action.reload")}
        </Button>
      )}
      {base !== null && <Access account={base} />}
    </FormDialog>
  );
}

interface Form {
  name: string;
  displayName: string;
  role: Role;
  callCenters: string[];
  endpoint: string;
  enabled: boolean;
  password: string;
}

function formOf(account: Account | null): Form {
  return {
    name: account?.name ?? "",
    displayName: account?.display_name ?? "",
    role: account?.role ?? "agent",
    callCenters: account?.call_centers ?? [],
    endpoint: account?.endpoint ?? "",
    enabled: account?.enabled ?? true,
    password: "",
  };
}

function create(form: Form): Promise<Account> {
  return read(
    api.POST("/accounts", {
      body: {
        name: form.name,
        role: form.role,
        call_centers: form.callCenters,
        password: form.password,
        ...(form.displayName.trim() !== "" && { display_name: form.displayName.trim() }),
        ...(form.endpoint !== "" && { endpoint: form.endpoint }),
      },
    }),
  );
}

function update(base: Account, form: Form): Promise<Account> {
  return read(
    api.PATCH("/accounts/{id}", {
      params: { path: { id: base.id } },
      body: {
        version: base.version,
        display_name: form.displayName.trim(),
        role: form.role,
        call_centers: form.callCenters,
        endpoint: form.endpoint === "" ? null : form.endpoint,
        enabled: form.enabled,
      },
    }),
  );
}

/** What takes effect at once: a new password, and the end of all sessions. */
function Access({ account }: { account: Account }) {
  const { t } = useTranslation(["admin", "common"]);
  const confirm = useConfirm();
  const [password, setPassword] = useState("");
  const path = { id: account.id };
  const setNew = useMutation({
    mutationFn: () => read(api.PUT("/accounts/{id}/password", { params: { path }, body: { password } })),
    onSuccess: () => {
      setPassword("");
      notifications.show({ message: t("accounts.passwordIsSet", { name: account.name }) });
    },
  });
  const logOut = useMutation({
    mutationFn: () => read(api.DELETE("/accounts/{id}/sessions", { params: { path } })),
    onSuccess: () => notifications.show({ message: t("accounts.isLoggedOut", { name: account.name }) }),
  });
  const errors = fieldErrors(setNew.error);
  return (
    <>
      <Divider />
      <Group align="flex-end" wrap="nowrap">
        <PasswordInput
          label={t("accounts.newPassword")}
          flex={1}
          autoComplete="new-password"
          value={password}
          error={errors.password ?? (setNew.isError ? t("common:error.unexpected") : undefined)}
          onChange={(e) => setPassword(e.currentTarget.value)}
        />
        <Button
          variant="default"
          disabled={password === ""}
          loading={setNew.isPending}
          onClick={async () => {
            if (await confirm(t("accounts.passwordConfirm"))) setNew.mutate();
          }}
        >
          {t("accounts.setPassword")}
        </Button>
      </Group>
      <Button
        variant="default"
        loading={logOut.isPending}
        onClick={async () => {
          if (await confirm(t("accounts.logoutConfirm", { name: account.name }))) logOut.mutate();
        }}
      >
        {t("accounts.logout")}
      </Button>
    </>
  );
}

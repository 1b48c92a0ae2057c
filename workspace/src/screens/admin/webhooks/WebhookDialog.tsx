import { Button, Checkbox, Group, MultiSelect, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { api, read } from "../../../api/client";
import { fieldErrors } from "../../../api/fields";
import { isProblem } from "../../../api/problem";
import type { CreatedWebhook, Webhook } from "../../../api/types";
import { useCallCenters } from "../../../site/plan";
import { FormDialog } from "../../../ui/FormDialog";

const kinds = ["callback", "call", "node"] as const;
type Kind = (typeof kinds)[number];

/** Creates a webhook, or changes the given one. */
export function WebhookDialog({
  webhook,
  onCreated,
  onClose,
}: {
  webhook: Webhook | null;
  onCreated?: (webhook: CreatedWebhook) => void;
  onClose: () => void;
}) {
  const { t } = useTranslation(["admin", "common"]);
  const queries = useQueryClient();
  const callCenters = useCallCenters().data ?? [];
  const [base, setBase] = useState(webhook);
  const [form, setForm] = useState(() => formOf(webhook));
  const change = (part: Partial<Form>) => setForm((f) => ({ ...f, ...part }));
  const save = useMutation({
    mutationFn: async () => {
      if (base !== null) await update(base, form);
      else onCreated?.(await create(form));
    },
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["webhooks"] });
      if (base !== null) onClose();
    },
  });
  // Whoever changed it meanwhile has decided something: the form shows it, and the user decides again.
  const stale = isProblem(save.error, "stale") ? (save.error.problem.webhook ?? null) : null;
  const reload = () => {
    setBase(stale);
    setForm(formOf(stale));
    save.reset();
    void queries.invalidateQueries({ queryKey: ["webhooks"] });
  };
  const errors = fieldErrors(save.error);
  // One that is not configured any more can be seen, and taken out.
  const known = callCenters.map((c) => ({ value: c.id, label: c.name }));
  const unknown = form.callCenters.filter((id) => !callCenters.some((c) => c.id === id));
  return (
    <FormDialog
      title={base === null ? t("webhooks.create") : t("webhooks.edit", { name: base.name })}
      submit={t("common:action.save")}
      pending={save.isPending}
      error={save.error}
      onSubmit={() => save.mutate()}
      onClose={onClose}
    >
      <TextInput
        label={t("webhooks.name")}
        description={t("webhooks.nameHint")}
        required
        data-autofocus
        maxLength={100}
        autoComplete="off"
        value={form.name}
        error={errors.name}
        onChange={(e) => change({ name: e.currentTarget.value })}
      />
      <TextInput
        type="url"
        label={t("webhooks.url")}
        description={t("webhooks.urlHint")}
        placeholder="https://crm.example.com/callbackd"
        required
        maxLength={2000}
        autoComplete="off"
        spellCheck={false}
        value={form.url}
        error={errors.url}
        onChange={(e) => change({ url: e.currentTarget.value })}
      />
      <Checkbox.Group
        label={t("webhooks.kinds")}
        required
        value={form.kinds}
        error={errors.kinds}
        onChange={(value) => change({ kinds: kinds.filter((kind) => value.includes(kind)) })}
      >
        <Group gap="lg" mt="xs">
          {kinds.map((kind) => (
            <Checkbox key={kind} value={kind} label={t(`webhooks.kind.${kind}`)} />
          ))}
        </Group>
      </Checkbox.Group>
      <MultiSelect
        label={t("webhooks.callCenters")}
        description={t("webhooks.callCentersHint")}
        data={[...known, ...unknown.map((id) => ({ value: id, label: id }))]}
        value={form.callCenters}
        error={errors.call_centers}
        onChange={(value) => change({ callCenters: value })}
      />
      {stale !== null && (
        <Button variant="default" onClick={reload}>
          {t("common:action.reload")}
        </Button>
      )}
    </FormDialog>
  );
}

interface Form {
  name: string;
  url: string;
  kinds: Kind[];
  callCenters: string[];
}

function formOf(webhook: Webhook | null): Form {
  return {
    name: webhook?.name ?? "",
    url: webhook?.url ?? "",
    kinds: webhook?.kinds ?? ["callback"],
    callCenters: webhook?.call_centers ?? [],
  };
}

function create(form: Form): Promise<CreatedWebhook> {
  return read(
    api.POST("/webhooks", {
      body: {
        name: form.name.trim(),
        url: form.url.trim(),
        kinds: form.kinds,
        ...(form.callCenters.length > 0 && { call_centers: form.callCenters }),
        active: true,
      },
    }),
  );
}

/** Sends what was changed only: a call center that is not configured any more hinders no other change. */
function update(base: Webhook, form: Form): Promise<Webhook> {
  const before = formOf(base);
  const differs = (a: readonly string[], b: readonly string[]) => [...a].sort().join() !== [...b].sort().join();
  return read(
    api.PATCH("/webhooks/{id}", {
      params: { path: { id: base.id } },
      body: {
        version: base.version,
        ...(form.name.trim() !== before.name && { name: form.name.trim() }),
        ...(form.url.trim() !== before.url && { url: form.url.trim() }),
        ...(differs(form.kinds, before.kinds) && { kinds: form.kinds }),
        ...(differs(form.callCenters, before.callCenters) && {
          call_centers: form.callCenters.length > 0 ? form.callCenters : null,
        }),
      },
    }),
  );
}

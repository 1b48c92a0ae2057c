import { Button, Card, Group, Input, MultiSelect, SimpleGrid, Stack, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { type FormEvent, useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import "../../callbacks/texts";
import { useAccounts } from "../../site/people";
import { useBusinessLabels, useCallCenters } from "../../site/plan";
import { useTimes } from "../../site/times";
import { everything, type Faults, faultsOf, type Search } from "./search";

/** Stands for no assignee among the names of accounts, none of which is empty. */
const nobody = "";

/** The conditions; they are searched for by 検索. */
export function SearchForm({ search, onSearch }: { search: Search; onSearch: (search: Search) => void }) {
  const { t } = useTranslation(["history", "callback", "common"]);
  const [form, setForm] = useState(search);
  const [faults, setFaults] = useState<Faults>({});
  // The address may change by Back.
  useEffect(() => setForm(search), [search]);
  const set = (change: Partial<Search>) => setForm((before) => ({ ...before, ...change }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const found = faultsOf(form);
    setFaults(found);
    if (Object.keys(found).length === 0) onSearch(form);
  };
  const clear = () => {
    setForm(everything);
    setFaults({});
    onSearch(everything);
  };
  return (
    <Card withBorder padding="md" component="search">
      <form onSubmit={submit} aria-label={t("search.label")}>
        <Stack gap="sm">
          <Period form={form} set={set} fault={faults.to && t(`search.${faults.to}`)} />
          <Choices form={form} set={set} />
          <SimpleGrid cols={4} spacing="sm">
            <TextInput
              label={t("callback:field.remote_number")}
              placeholder={t("search.prefix")}
              maxLength={64}
              value={form.number}
              onChange={(event) => set({ number: event.currentTarget.value })}
            />
            <TextInput
              label={t("callback:field.local_number")}
              placeholder={t("search.prefix")}
              maxLength={64}
              value={form.local_number}
              onChange={(event) => set({ local_number: event.currentTarget.value })}
            />
            <TextInput
              label={t("callback:field.request_id")}
              maxLength={64}
              value={form.request_id}
              error={faults.request_id && t(`search.${faults.request_id}`)}
              onChange={(event) => set({ request_id: event.currentTarget.value })}
            />
            <Group gap="xs" justify="flex-end" align="flex-end">
              <Button variant="default" onClick={clear}>
                {t("common:action.clear")}
              </Button>
              <Button type="submit" leftSection={<IconSearch size={16} aria-hidden />}>
                {t("common:action.search")}
              </Button>
            </Group>
          </SimpleGrid>
        </Stack>
      </form>
    </Card>
  );
}

interface PartProps {
  form: Search;
  set: (change: Partial<Search>) => void;
}

const presets = [1, 7, 30] as const;

function Period({ form, set, fault }: PartProps & { fault: string | undefined }) {
  const { t } = useTranslation("history");
  const times = useTimes();
  const last = (days: number) => {
    const to = times.day();
    const from = new Date(Date.parse(to) - (days - 1) * 24 * 60 * 60_000).toISOString().slice(0, 10);
    set({ from, to });
  };
  return (
    <Input.Wrapper label={t("search.period")} labelElement="div" error={fault}>
      <Group gap="xs" role="group" aria-label={t("search.period")}>
        <TextInput
          type="date"
          aria-label={t("search.from")}
          value={form.from}
          onChange={(event) => set({ from: event.currentTarget.value })}
        />
        –
        <TextInput
          type="date"
          aria-label={t("search.to")}
          value={form.to}
          error={fault !== undefined}
          onChange={(event) => set({ to: event.currentTarget.value })}
        />
        {presets.map((days) => (
          <Button key={days} size="xs" variant="default" onClick={() => last(days)}>
            {days === 1 ? t("search.today") : t("search.days", { count: days })}
          </Button>
        ))}
        <Button size="xs" variant="default" onClick={() => set({ from: "", to: "" })}>
          {t("search.all")}
        </Button>
      </Group>
    </Input.Wrapper>
  );
}

const statuses = ["open", "completed"] as const;

function Choices({ form, set }: PartProps) {
  const { t } = useTranslation(["callback", "history", "common"]);
  const callCenters = useCallCenters().data ?? [];
  const labels = useBusinessLabels().data ?? [];
  const accounts = useAccounts().data ?? [];
  const options = (list: readonly { id: string; name: string }[]) => list.map((i) => ({ value: i.id, label: i.name }));
  const shared = {
    clearable: true,
    searchable: true,
    hidePickedOptions: true,
    // Narrow enough to stand beside a choice instead of below it.
    styles: { inputField: { minWidth: 16 } },
  } as const;
  const hint = (chosen: number) => (chosen === 0 ? { placeholder: t("history:search.any") } : {});
  return (
    <SimpleGrid cols={4} spacing="sm">
      <MultiSelect
        {...shared}
        label={t("field.call_center_name")}
        {...hint(form.call_center.length)}
        data={options(callCenters)}
        value={[...form.call_center]}
        onChange={(call_center) => set({ call_center })}
      />
      <MultiSelect
        {...shared}
        label={t("field.business_label_name")}
        {...hint(form.business_label.length)}
        data={options(labels)}
        value={[...form.business_label]}
        onChange={(business_label) => set({ business_label })}
      />
      <MultiSelect
        {...shared}
        label={t("field.assignee")}
        {...hint(form.assignee.length + Number(form.unassigned))}
        data={[
          { value: nobody, label: t("unassigned") },
          ...accounts.map((a) => ({ value: a.name, label: a.display_name })),
        ]}
        value={[...(form.unassigned ? [nobody] : []), ...form.assignee]}
        onChange={(names) =>
          set({ unassigned: names.includes(nobody), assignee: names.filter((name) => name !== nobody) })
        }
      />
      <MultiSelect
        {...shared}
        searchable={false}
        label={t("field.status")}
        {...hint(form.status.length)}
        data={statuses.map((value) => ({ value, label: t(`status.${value}`) }))}
        value={[...form.status]}
        onChange={(chosen) => set({ status: statuses.filter((s) => chosen.includes(s)) })}
      />
    </SimpleGrid>
  );
}

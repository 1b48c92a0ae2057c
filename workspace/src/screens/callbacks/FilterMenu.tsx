import { Button, Checkbox, Divider, Fieldset, Popover, ScrollArea, Stack, TextInput } from "@mantine/core";
import { IconFilter } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { StatusMark } from "../../callbacks/StatusMark";
import { type Account, useAccounts } from "../../site/people";
import { filterCount, type ListState, noFilters, type Show } from "./query";

const statuses = ["open", "completed"] as const;

/** So many people are seen at a glance; among more, one is searched for. */
const fewPeople = 12;

function isSought(account: Account, sought: string): boolean {
  const text = sought.trim().toLowerCase();
  return [account.name, account.display_name].some((name) => name.toLowerCase().includes(text));
}

function toggled<T>(all: readonly T[], one: T): T[] {
  return all.includes(one) ? all.filter((other) => other !== one) : [...all, one];
}

/** フィルター: several boxes of one kind widen each other, the two kinds narrow each other; none of a kind is all. */
export function FilterMenu({ state, show }: { state: ListState; show: Show }) {
  const { t } = useTranslation(["callbacks", "callback", "common"]);
  const accounts = useAccounts();
  const [sought, setSought] = useState("");
  const people = (accounts.data ?? []).filter((a) => a.role !== "admin" || state.assignee.includes(a.name));
  const count = filterCount(state);
  const set = (change: Partial<ListState>) => show({ ...change, page: 1, after: "" });
  return (
    <Popover position="bottom-start" shadow="md" trapFocus returnFocus withRoles>
      <Popover.Target>
        <Button
          variant={count > 0 ? "light" : "default"}
          leftSection={<IconFilter size={16} aria-hidden />}
          aria-label={count > 0 ? t("list.filterCount", { count }) : t("list.filter")}
        >
          {t("list.filter")}
          {count > 0 && ` (${count})`}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("list.filter")}>
        <Stack gap="sm" w={260}>
          <Fieldset variant="unstyled" legend={t("callback:field.status")}>
            <Stack gap={6} mt={6}>
              {statuses.map((status) => (
                <Checkbox
                  key={status}
                  label={<StatusMark status={status} />}
                  aria-label={t(`callback:status.${status}`)}
                  checked={state.status.includes(status)}
                  onChange={() => set({ status: toggled(state.status, status) })}
                />
              ))}
            </Stack>
          </Fieldset>
          <Divider />
          <Fieldset variant="unstyled" legend={t("callback:field.assignee")}>
            <ScrollArea.Autosize mah={280} mt={6} type="auto" offsetScrollbars viewportProps={{ tabIndex: -1 }}>
              <Stack gap={6} p={2}>
                <Checkbox label={t("list.mine")} checked={state.mine} onChange={() => set({ mine: !state.mine })} />
                <Checkbox
                  label={t("list.unassigned")}
                  checked={state.unassigned}
                  onChange={() => set({ unassigned: !state.unassigned })}
                />
                {people.length > fewPeople && (
                  <TextInput
                    size="xs"
                    aria-label={t("list.findPerson")}
                    placeholder={t("list.findPerson")}
                    value={sought}
                    onChange={(event) => setSought(event.currentTarget.value)}
                  />
                )}
                {people
                  .filter((a) => state.assignee.includes(a.name) || isSought(a, sought))
                  .map((account) => (
                    <Checkbox
                      key={account.name}
                      label={
                        account.enabled ? account.display_name : t("list.disabled", { name: account.display_name })
                      }
                      checked={state.assignee.includes(account.name)}
                      onChange={() => set({ assignee: toggled(state.assignee, account.name) })}
                    />
                  ))}
              </Stack>
            </ScrollArea.Autosize>
          </Fieldset>
          <Button variant="default" size="xs" disabled={count === 0} onClick={() => show({ ...noFilters, q: state.q })}>
            {t("list.clear")}
          </Button>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

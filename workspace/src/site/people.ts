import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import "../callbacks/texts";
import { api, read } from "../api/client";
import type { components } from "../api/schema.gen";

export type Account = components["schemas"]["Account"];

/** People come and go rarely. */
const staleTime = 5 * 60_000;

/** Far more people than a site has; beyond it they are shown by their account's name. */
const mostPages = 25;

async function allAccounts(signal: AbortSignal): Promise<Account[]> {
  const all: Account[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < mostPages; page++) {
    const query: { page_size: number; cursor?: string } = { page_size: 200, ...(cursor === null ? {} : { cursor }) };
    const answer: { items: Account[]; next_cursor: string | null } = await read(
      api.GET("/accounts", { params: { query }, signal }),
    );
    all.push(...answer.items);
    cursor = answer.next_cursor;
    if (cursor === null) break;
  }
  return all;
}

/** The accounts that share a call center with the user, by name, also those that are disabled. */
export function useAccounts() {
  return useQuery({
    queryKey: ["accounts", "list", "all"],
    queryFn: ({ signal }) => allAccounts(signal),
    staleTime,
  });
}

export interface People {
  /** The name that people read of an account; the account's own when it is not known. */
  name(account: string): string;
  /** Who did something, as records have it: `sato`, `token:crm`, `sato (token:crm)`, `system:attendant`. */
  who(by: string): string;
}

export function usePeople(): People {
  const { t } = useTranslation("callback");
  const accounts = useAccounts().data;
  return useMemo(() => {
    const names = new Map(accounts?.map((a) => [a.name, a.display_name]));
    const name = (account: string) => names.get(account) ?? account;
    const who = (by: string) => {
      const { account, token, system } = parseWho(by);
      if (system === "attendant" || system === "abandoned") return t(`who.${system}`);
      if (system !== null) return t("who.system", { name: system });
      if (account === null) return t("who.token", { name: token });
      return token === null ? name(account) : t("who.through", { name: name(account), token });
    };
    return { name, who };
  }, [accounts, t]);
}

/** Takes apart who did something. */
export function parseWho(by: string): { account: string | null; token: string | null; system: string | null } {
  if (by.startsWith("system:")) return { account: null, token: null, system: by.slice("system:".length) };
  if (by.startsWith("token:")) return { account: null, token: by.slice("token:".length), system: null };
  const through = /^(\S+) \(token:(.*)\)$/.exec(by);
  return through
    ? { account: through[1] ?? by, token: through[2] ?? "", system: null }
    : { account: by, token: null, system: null };
}

import { Tabs } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { addTexts } from "../../i18n";
import { useMe } from "../../session/session";
import { Page } from "../../ui/Page";
import { Accounts } from "./Accounts";
import en from "./en.json";
import ja from "./ja.json";
import { Nodes } from "./Nodes";
import { Phonebook } from "./Phonebook";
import { Tokens } from "./Tokens";
import { Webhooks } from "./webhooks";

addTexts("admin", { ja, en });

const all = [
  { name: "accounts", roles: ["admin"], part: Accounts },
  { name: "phonebook", roles: ["supervisor", "admin"], part: Phonebook },
  { name: "tokens", roles: ["admin"], part: Tokens },
  { name: "webhooks", roles: ["admin"], part: Webhooks },
  { name: "nodes", roles: ["supervisor", "admin"], part: Nodes },
] as const;

/** 管理: accounts, the shared phone book, API tokens, webhooks and PBX nodes, each as far as one may. */
export default function Admin() {
  const { t } = useTranslation("admin");
  const me = useMe();
  const [location, navigate] = useLocation();
  const parts = all.filter((part) => part.roles.some((role) => role === me.role));
  const current = parts.find((part) => location.split("/")[1] === part.name) ?? parts[0];
  if (current === undefined) return null;
  const Part = current.part;
  return (
    <Page title={t("title")}>
      <Tabs value={current.name} onChange={(name) => navigate(`/${name}`)}>
        <Tabs.List mb="md">
          {parts.map((part) => (
            <Tabs.Tab key={part.name} value={part.name}>
              {t(`${part.name}.title`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={current.name}>
          <Part />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

import { Button, Tabs } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useLocation, useRoute, useSearch } from "wouter";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import { useShortcuts } from "../../ui/shortcuts";
import { CallDetail } from "./CallDetail";
import { CallList } from "./CallList";
import en from "./en.json";
import ja from "./ja.json";

addTexts("contacts", { ja, en });

/** 応対一覧 and 応対詳細. The list stays as it is, with its place, while a call is looked at. */
export default function Contacts() {
  const { t } = useTranslation("contacts");
  const [, navigate] = useLocation();
  const [, match] = useRoute("/:id");
  const search = useSearch();
  const id = match?.id ?? null;
  const go = (path: string) => navigate(search === "" ? path : `${path}?${search}`);
  useShortcuts([{ key: "Escape", label: t("shortcut.back"), run: () => go(""), disabled: id === null }]);
  return (
    <Page
      title={t(id === null ? "title" : "detail")}
      aside={
        id !== null && (
          <Button
            variant="default"
            size="xs"
            leftSection={<IconArrowLeft size={14} aria-hidden />}
            onClick={() => go("")}
          >
            {t("backToList")}
          </Button>
        )
      }
    >
      <Tabs value={id === null ? "list" : "detail"} onChange={(tab) => tab === "list" && go("")} keepMounted>
        {id !== null && (
          <Tabs.List mb="md">
            <Tabs.Tab value="list">{t("title")}</Tabs.Tab>
            <Tabs.Tab value="detail">{t("detail")}</Tabs.Tab>
          </Tabs.List>
        )}
        <Tabs.Panel value="list">
          <CallList selected={id} onOpen={(call) => go(`/${call.request_id}`)} />
        </Tabs.Panel>
        <Tabs.Panel value="detail">{id !== null && <CallDetail key={id} requestID={id} />}</Tabs.Panel>
      </Tabs>
    </Page>
  );
}

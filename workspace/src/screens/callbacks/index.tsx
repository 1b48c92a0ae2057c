import { Box } from "@mantine/core";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "wouter";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import { setPageTitle } from "../../ui/title";
import { Detail } from "./Detail";
import en from "./en.json";
import ja from "./ja.json";
import { List } from "./List";
import { TabBar } from "./TabBar";
import { useOpenTabs } from "./tabs";

addTexts("callbacks", { ja, en });

/** Returns the callback that the address names: /42 is its tab, / the list. */
function currentOf(location: string): number | null {
  const id = /^\/(\d{1,15})$/.exec(location)?.[1];
  return id === undefined || Number(id) === 0 ? null : Number(id);
}

export default function Callbacks() {
  const { t } = useTranslation("callbacks");
  const [location] = useLocation();
  const current = currentOf(location);
  const tabs = useOpenTabs(current);
  const title = current === null ? t("title") : t("detailTitle", { id: current });
  useEffect(() => setPageTitle(title), [title]);
  return (
    <>
      <TabBar ids={tabs.ids} current={current} hrefOf={tabs.hrefOf} close={tabs.close} />
      <Box hidden={current !== null}>
        <Page title={t("title")}>
          <List active={current === null} onOpen={tabs.show} />
        </Page>
      </Box>
      {current !== null && <Detail key={current} id={current} toList={() => tabs.show(null)} />}
    </>
  );
}

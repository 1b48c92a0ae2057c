import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import en from "./en.json";
import ja from "./ja.json";

addTexts("monitor", { ja, en });

export default function Monitor() {
  const { t } = useTranslation("monitor");
  return <Page title={t("title")} />;
}

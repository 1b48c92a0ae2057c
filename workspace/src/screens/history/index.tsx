import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import en from "./en.json";
import ja from "./ja.json";

addTexts("history", { ja, en });

export default function History() {
  const { t } = useTranslation("history");
  return <Page title={t("title")} />;
}

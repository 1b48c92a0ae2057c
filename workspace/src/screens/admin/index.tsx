import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import en from "./en.json";
import ja from "./ja.json";

addTexts("admin", { ja, en });

export default function Admin() {
  const { t } = useTranslation("admin");
  return <Page title={t("title")} />;
}

import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import en from "./en.json";
import ja from "./ja.json";

addTexts("contacts", { ja, en });

export default function Contacts() {
  const { t } = useTranslation("contacts");
  return <Page title={t("title")} />;
}

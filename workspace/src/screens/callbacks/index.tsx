import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { Page } from "../../ui/Page";
import en from "./en.json";
import ja from "./ja.json";

addTexts("callbacks", { ja, en });

export default function Callbacks() {
  const { t } = useTranslation("callbacks");
  return <Page title={t("title")} />;
}

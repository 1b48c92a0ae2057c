import { addTexts } from "../i18n";
import en from "./en.json";
import ja from "./ja.json";

addTexts("embed", { ja, en });

import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import en from "./en.json";
import ja from "./ja.json";
import type { Texts } from "./texts";

export const languages = ["ja", "en"] as const;
export type Language = (typeof languages)[number];

const storageKey = "callbackd.language";

/** Reads the language that was chosen on this machine, Japanese at first. */
function chosenLanguage(): Language {
  const stored = localStorage.getItem(storageKey);
  return languages.find((l) => l === stored) ?? "ja";
}

/** The language that the page is in now. It goes with every request as Accept-Language. */
export function currentLanguage(): Language {
  return languages.find((l) => l === i18next.language) ?? "ja";
}

export function changeLanguage(language: Language): void {
  localStorage.setItem(storageKey, language);
  void i18next.changeLanguage(language);
}

/** Adds a screen's texts when its module is loaded. Both languages come along, so that switching needs no network. */
export function addTexts<N extends keyof Texts>(namespace: N, texts: Record<Language, object>): void {
  for (const language of languages) {
    i18next.addResourceBundle(language, namespace, texts[language], true, true);
  }
}

/** Begins in the language that was chosen, or in a fixed one. */
export function startTranslation(fixed?: Language): void {
  void i18next.use(initReactI18next).init({
    lng: fixed ?? chosenLanguage(),
    fallbackLng: "ja",
    ns: ["common"],
    defaultNS: "common",
    resources: { ja: { common: ja }, en: { common: en } },
    interpolation: { escapeValue: false }, // React escapes
    react: { useSuspense: false, bindI18nStore: "added" },
    initAsync: false,
  });
  const show = (language: string) => {
    document.documentElement.lang = language;
  };
  show(i18next.language);
  i18next.on("languageChanged", show);
  // Another tab's choice is this tab's too.
  window.addEventListener("storage", (event) => {
    if (event.key === storageKey && fixed === undefined) void i18next.changeLanguage(chosenLanguage());
  });
}

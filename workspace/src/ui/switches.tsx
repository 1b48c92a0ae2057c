import { ActionIcon, Menu, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconLanguage, IconMoon, IconSun, IconSunMoon } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { changeLanguage, currentLanguage, type Language, languages } from "../i18n";

/** Each language in its own words, for those who do not read the other. */
export const languageNames: Record<Language, string> = { ja: "日本語", en: "English" };

export function LanguageSwitch() {
  const { t } = useTranslation();
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={t("language")}>
          <IconLanguage size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {languages.map((language) => (
          <Menu.Item
            key={language}
            lang={language}
            role="menuitemradio"
            aria-checked={language === currentLanguage()}
            rightSection={language === currentLanguage() && <IconCheck size={14} aria-hidden />}
            onClick={() => changeLanguage(language)}
          >
            {languageNames[language]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

export const schemes = [
  { name: "auto", icon: IconSunMoon },
  { name: "light", icon: IconSun },
  { name: "dark", icon: IconMoon },
] as const;

export function ThemeSwitch() {
  const { t } = useTranslation();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const Current = schemes.find((s) => s.name === colorScheme)?.icon ?? IconSunMoon;
  return (
    <Menu position="bottom-end" withinPortal>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={t("theme.label")}>
          <Current size={18} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(({ name, icon: Icon }) => (
          <Menu.Item
            key={name}
            role="menuitemradio"
            aria-checked={name === colorScheme}
            leftSection={<Icon size={16} aria-hidden />}
            rightSection={name === colorScheme && <IconCheck size={14} aria-hidden />}
            onClick={() => setColorScheme(name)}
          >
            {t(`theme.${name}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

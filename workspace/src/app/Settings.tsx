import { Modal, SegmentedControl, SimpleGrid, Stack, Text, Title, useMantineColorScheme } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { useTranslation } from "react-i18next";
import { changeLanguage, currentLanguage, type Language, languages } from "../i18n";
import { NotificationState } from "../notifications/Notifications";
import { PasswordForm } from "../session/PasswordForm";
import { useMe } from "../session/session";
import { languageNames, schemes } from "../ui/switches";

/** What a person sets for themselves: language and colours of this browser, its notifications, and their password where they have one. */
export default function Settings({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Modal
      opened
      onClose={onClose}
      title={t("settings.title")}
      closeButtonProps={{ "aria-label": t("action.close") }}
      centered
      size={760}
    >
      <Stack gap="lg">
        <Text size="sm" c="dimmed">
          {me.display_name ?? me.name} · {me.name} · {t(`role.${me.role}`)}
        </Text>
        <SimpleGrid cols={2} spacing="xl">
          <Stack gap="lg">
            <Part title={t("language")}>
              <SegmentedControl
                aria-label={t("language")}
                value={currentLanguage()}
                data={languages.map((value) => ({ value, label: languageNames[value] }))}
                onChange={(language) => changeLanguage(language as Language)}
              />
            </Part>
            <Part title={t("theme.label")}>
              <SegmentedControl
                aria-label={t("theme.label")}
                value={colorScheme}
                data={schemes.map(({ name }) => ({ value: name, label: t(`theme.${name}`) }))}
                onChange={(scheme) => setColorScheme(scheme as typeof colorScheme)}
              />
            </Part>
            <Part title={t("notification.title")}>
              <NotificationState />
            </Part>
          </Stack>
          {me.has_password && (
            <Part title={t("password.title")}>
              <PasswordForm onDone={onClose} />
            </Part>
          )}
        </SimpleGrid>
      </Stack>
    </Modal>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  const heading = useId();
  return (
    <Stack gap="xs" component="section" aria-labelledby={heading}>
      <Title order={2} size="h5" id={heading}>
        {title}
      </Title>
      {children}
    </Stack>
  );
}

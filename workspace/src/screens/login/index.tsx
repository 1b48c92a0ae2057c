import { Box, Center, Group, Paper, Stack, Title } from "@mantine/core";
import { useFocusTrap } from "@mantine/hooks";
import { useEffect } from "react";
import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import { Brand } from "../../ui/Brand";
import { LanguageSwitch, ThemeSwitch } from "../../ui/switches";
import { setPageTitle } from "../../ui/title";
import en from "./en.json";
import ja from "./ja.json";
import { LoginForm } from "./LoginForm";

addTexts("login", { ja, en });

/** The page of who is not logged in. The address stays, and is what is shown after logging in. */
export default function Login() {
  const { t } = useTranslation("login");
  const focus = useFocusTrap();
  useEffect(() => setPageTitle(t("title")), [t]);
  return (
    <Center mih="100vh" p="md" component="main">
      <Stack gap="md" w={420}>
        <Group justify="space-between">
          <Brand />
          <Group gap="xs">
            <LanguageSwitch />
            <ThemeSwitch />
          </Group>
        </Group>
        <Paper withBorder p="lg" shadow="sm" ref={focus}>
          <Stack gap="md">
            <Title order={1} size="h3">
              {t("title")}
            </Title>
            <LoginForm />
          </Stack>
        </Paper>
        <Box aria-hidden h={40} />
      </Stack>
    </Center>
  );
}

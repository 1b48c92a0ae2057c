import { Button, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { addTexts } from "../../i18n";
import en from "./en.json";
import ja from "./ja.json";
import { LoginForm } from "./LoginForm";

addTexts("login", { ja, en });

/** The login over a page whose session ended. What was typed on the page stays beneath. */
export default function SessionEnded({ account }: { account: string }) {
  const { t } = useTranslation("login");
  return (
    <Modal
      opened
      onClose={() => {}}
      withCloseButton={false}
      closeOnEscape={false}
      closeOnClickOutside={false}
      title={t("title")}
      zIndex={1000}
      overlayProps={{ blur: 2 }}
    >
      <Stack gap="md">
        <Text size="sm" role="alert">
          {t("ended")}
        </Text>
        <LoginForm account={account} />
        <Button variant="subtle" size="compact-sm" onClick={() => window.location.assign("/")}>
          {t("other")}
        </Button>
      </Stack>
    </Modal>
  );
}

import { Button, Code, CopyButton, Group, Modal, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** Shows a secret, which is nowhere to be had again: a click beside the dialog does not close it. */
export function SecretDialog({
  title,
  hint,
  secret,
  onClose,
}: {
  title: string;
  /** What it is for, and that it is shown only now. */
  hint: string;
  secret: string;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      closeOnClickOutside={false}
      closeButtonProps={{ "aria-label": t("action.close") }}
      size="lg"
      centered
    >
      <Stack gap="md">
        <Text size="sm">{hint}</Text>
        <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {secret}
        </Code>
        <Group justify="flex-end">
          <CopyButton value={secret}>
            {({ copied, copy }) => (
              <Button data-autofocus onClick={copy}>
                {t(copied ? "action.copied" : "action.copy")}
              </Button>
            )}
          </CopyButton>
          <Button variant="default" onClick={onClose}>
            {t("action.close")}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

import { Alert, Button, Text } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";

/** Says that somebody else changed the text that the user is editing, and what it says now. */
export function Theirs({ text, take }: { text: string | null; take?: (text: string) => void }) {
  const { t } = useTranslation(["callbacks", "callback"]);
  if (text === null) return null;
  return (
    <Alert
      color="orange"
      variant="outline"
      icon={<IconAlertTriangle aria-hidden />}
      title={t("detail.theirs")}
      role="status"
    >
      <Text size="sm" mah={160} style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere", overflowY: "auto" }}>
        {text === "" ? t("callback:empty") : text}
      </Text>
      {take && text !== "" && (
        <Button size="xs" variant="default" mt="xs" onClick={() => take(text)}>
          {t("detail.takeTheirs")}
        </Button>
      )}
    </Alert>
  );
}

import { Group, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** The product's sign and name. */
export function Brand() {
  const { t } = useTranslation();
  return (
    <Group gap={8} wrap="nowrap">
      <img src="/favicon.svg" width={22} height={22} alt="" />
      <Text fw={700}>{t("product")}</Text>
    </Group>
  );
}

import { Center, Loader } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** Stands in the middle of what is still to come. */
export function Loading() {
  const { t } = useTranslation();
  return (
    <Center p="xl">
      <Loader aria-label={t("loading")} />
    </Center>
  );
}

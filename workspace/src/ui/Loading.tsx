import { Center, Loader } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** Stands where something is still to come. Without a role its label would not be allowed, nor read out. */
export function Spinner({ size }: { size?: "sm" }) {
  const { t } = useTranslation();
  return <Loader role="progressbar" aria-label={t("loading")} {...(size && { size })} />;
}

/** Stands in the middle of what is still to come. */
export function Loading() {
  return (
    <Center p="xl">
      <Spinner />
    </Center>
  );
}

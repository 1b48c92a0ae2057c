import { Alert, Button, Divider, Text } from "@mantine/core";
import { IconAlertCircle } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { useSite } from "../../site/site";
import { returnTo, takeLoginError } from "./loginError";

const loginError = takeLoginError();

/** The button to log in with accounts of another system, where there is one, and why that failed before. */
export function Elsewhere() {
  const { t } = useTranslation(["login", "common"]);
  const signOn = useSite()?.single_sign_on;
  if (!signOn) return null;
  const { name } = signOn;
  return (
    <>
      {loginError !== null && (
        <Alert
          role="alert"
          color="red"
          variant="outline"
          icon={<IconAlertCircle aria-hidden />}
          title={t("common:error.title")}
        >
          <Text size="sm">
            {t(`refused.${loginError}`, { name })} {t("common:error.code", { code: loginError })}
          </Text>
        </Alert>
      )}
      <Button
        component="a"
        href={`${signOn.url}?return_to=${encodeURIComponent(returnTo())}`}
        variant="default"
        fullWidth
      >
        {t("elsewhere", { name })}
      </Button>
      <Divider label={t("or")} />
    </>
  );
}

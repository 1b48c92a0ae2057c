import { Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconChevronDown, IconDevices, IconLogout, IconSettings, IconUser } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { useTranslation } from "react-i18next";
import { hasDrafts } from "../drafts/store";
import { logout, useMe } from "../session/session";
import { useConfirm } from "../ui/confirm";
import { errorText } from "../ui/ErrorMessage";
import { load } from "./load";

const Settings = lazy(() => load(() => import("./Settings")));

export function AccountMenu() {
  const { t } = useTranslation();
  const me = useMe();
  const name = me.display_name ?? me.name;
  const confirm = useConfirm();
  const [setting, setSetting] = useState(false);
  const askAndLeave = async (where: "here" | "everywhere") => {
    if (where === "everywhere" && !(await confirm(t("account.logoutEverywhereConfirm")))) return;
    if (hasDrafts(me.name) && !(await confirm({ message: t("account.draftsConfirm"), danger: true }))) return;
    leave.mutate(where);
  };
  const leave = useMutation({
    mutationFn: logout,
    onError: (error) => notifications.show({ color: "red", message: errorText(error, t) }),
  });
  return (
    <>
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button
            variant="default"
            size="sm"
            maw={180}
            leftSection={<IconUser size={16} aria-hidden />}
            rightSection={<IconChevronDown size={14} aria-hidden />}
            aria-label={t("account.menu", { name })}
          >
            {name}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            {me.name} · {t(`role.${me.role}`)}
          </Menu.Label>
          <Menu.Item leftSection={<IconSettings size={16} aria-hidden />} onClick={() => setSetting(true)}>
            {t("settings.title")}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout size={16} aria-hidden />} onClick={() => void askAndLeave("here")}>
            {t("account.logout")}
          </Menu.Item>
          <Menu.Item leftSection={<IconDevices size={16} aria-hidden />} onClick={() => void askAndLeave("everywhere")}>
            {t("account.logoutEverywhere")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {setting && (
        <Suspense>
          <Settings onClose={() => setSetting(false)} />
        </Suspense>
      )}
    </>
  );
}

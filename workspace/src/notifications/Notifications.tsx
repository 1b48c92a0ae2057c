import { ActionIcon, Box, Button, Group, List, Popover, Text } from "@mantine/core";
import { IconBell, IconBellOff } from "@tabler/icons-react";
import { useEffect, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { navigate } from "wouter/use-browser-location";
import { callbackAddress } from "../app/addresses";
import { useChanges } from "../events/events";
import { useMe } from "../session/session";
import { useNames } from "../site/plan";
import { setTitleCount } from "../ui/title";
import { useOpenMine } from "./mine";
import { Notifier } from "./notifier";
import { askPermission, dismiss, permission, usePermission } from "./permission";

/** Tells the user by the browser of new callbacks, and shows in the title how many are theirs. */
export function useNotifications(): void {
  const { t } = useTranslation();
  const me = useMe();
  const names = useNames();
  const notifier = useMemo(() => new Notifier({ name: me.name }), [me.name]);
  const count = useOpenMine();
  useEffect(() => setTitleCount(count), [count]);
  useChanges(async ({ event, chosen }) => {
    if (!chosen || permission() !== "granted") {
      notifier.note(event); // whichever tab is chosen next knows what was told before
      return;
    }
    const notice = await notifier.noticeOf(event);
    if (notice === null) return;
    const { kind, callback } = notice;
    const who = callback.remote_name ?? callback.contact_number ?? t("withheld");
    const shown = new Notification(t(`notification.${kind}`), {
      body: t("notification.body", { id: callback.id, who, callCenter: names.callCenter(callback.call_center) }),
      // Should two tabs tell the same after all, the browser shows one.
      tag: `callbackd ${kind} ${callback.id}`,
      icon: "/favicon.svg",
    });
    shown.onclick = () => {
      window.focus();
      navigate(callbackAddress(callback.id));
      shown.close();
    };
  });
}

/** Asks, once, whether the browser may notify. */
export function NotificationQuestion() {
  const { t } = useTranslation();
  const { ask } = usePermission();
  if (!ask) return null;
  return (
    <Box component="section" aria-label={t("notification.title")} px="md" pt="sm">
      <Group gap="sm">
        <IconBell size={18} aria-hidden />
        <Text size="sm">{t("notification.question")}</Text>
        <Button size="compact-sm" onClick={() => void askPermission()}>
          {t("notification.allow")}
        </Button>
        <Button size="compact-sm" variant="default" onClick={dismiss}>
          {t("notification.later")}
        </Button>
      </Group>
    </Box>
  );
}

/** Shows whether the browser notifies, and what to do when it does not. */
export function NotificationBell() {
  const { t } = useTranslation();
  const state = usePermission().permission;
  const Icon = state === "granted" ? IconBell : IconBellOff;
  return (
    <Popover width={360} position="bottom-end" withArrow trapFocus>
      <Popover.Target>
        <ActionIcon variant="default" size="lg" aria-label={t(`notification.state.${state}`)}>
          <Icon size={18} aria-hidden />
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("notification.title")}>
        <NotificationState />
      </Popover.Dropdown>
    </Popover>
  );
}

/** Whether the browser notifies, in words, and what to do when it does not. */
export function NotificationState() {
  const { t } = useTranslation();
  const state = usePermission().permission;
  return (
    <Box>
      <Text size="sm" fw={600} mb="xs" tabIndex={-1} data-autofocus>
        {t(`notification.state.${state}`)}
      </Text>
      {state === "default" && (
        <Button size="xs" onClick={() => void askPermission()}>
          {t("notification.allow")}
        </Button>
      )}
      {state === "denied" && (
        <List type="ordered" size="sm" spacing={4}>
          <List.Item>{t("notification.blocked.site")}</List.Item>
          <List.Item>{t("notification.blocked.allow")}</List.Item>
          <List.Item>{t("notification.blocked.system")}</List.Item>
        </List>
      )}
      {state === "granted" && <Text size="sm">{t("notification.blocked.system")}</Text>}
    </Box>
  );
}

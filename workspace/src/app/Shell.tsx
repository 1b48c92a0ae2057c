import { AppShell, Box, Group } from "@mantine/core";
import { IconCompass, IconLock } from "@tabler/icons-react";
import { Suspense } from "react";
import { useTranslation } from "react-i18next";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { ConnectionBanner } from "../events/ConnectionBanner";
import { NotificationBell, NotificationQuestion, useNotifications } from "../notifications/Notifications";
import { useMe } from "../session/session";
import { Brand } from "../ui/Brand";
import { EmptyState } from "../ui/EmptyState";
import { Loading } from "../ui/Loading";
import { LanguageSwitch, ThemeSwitch } from "../ui/switches";
import { AccountMenu } from "./AccountMenu";
import { ErrorBoundary } from "./ErrorBoundary";
import classes from "./Shell.module.css";
import { isAt, screens } from "./screens";

/** The page of who is logged in: the menu, and the screen that the address names. */
export function Shell() {
  const { t } = useTranslation();
  const me = useMe();
  const [location] = useLocation();
  useNotifications();
  const mine = screens.filter((s) => s.roles.includes(me.role));
  return (
    <AppShell header={{ height: 52 }} padding={0}>
      <a className={classes.skip} href="#content">
        {t("skip")}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" justify="space-between" wrap="nowrap">
          <Group gap="xs" wrap="nowrap" component="nav" aria-label={t("nav.label")} className={classes.menu ?? ""}>
            <Box mr="sm" className={classes.product ?? ""}>
              <Brand />
            </Box>
            {mine.map((screen) => (
              <Link
                key={screen.name}
                href={screen.path}
                className={classes.link ?? ""}
                aria-current={isAt(location, screen) ? "page" : undefined}
              >
                <screen.icon size={18} stroke={1.7} aria-hidden />
                <span>{t(`nav.${screen.name}`)}</span>
              </Link>
            ))}
          </Group>
          <Group gap="xs" wrap="nowrap" flex="none">
            <NotificationBell />
            <LanguageSwitch />
            <ThemeSwitch />
            <AccountMenu />
          </Group>
        </Group>
      </AppShell.Header>
      <AppShell.Main id="content" tabIndex={-1}>
        <ConnectionBanner />
        <NotificationQuestion />
        <ErrorBoundary key={screens.find((s) => isAt(location, s))?.name}>
          <Suspense fallback={<Loading />}>
            <Switch>
              <Route path="/">
                <Redirect to="/contacts" replace />
              </Route>
              {screens.map((screen) => (
                <Route key={screen.name} path={screen.path} nest>
                  {mine.includes(screen) ? <screen.component /> : <NotAllowed />}
                </Route>
              ))}
              <Route>
                <EmptyState title={t("notFound.title")} hint={t("notFound.hint")} icon={IconCompass} />
              </Route>
            </Switch>
          </Suspense>
        </ErrorBoundary>
      </AppShell.Main>
    </AppShell>
  );
}

function NotAllowed() {
  const { t } = useTranslation();
  return <EmptyState title={t("notAllowed.title")} hint={t("notAllowed.hint")} icon={IconLock} />;
}

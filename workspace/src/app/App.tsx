import { Center, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { checkSession, useSession } from "../session/session";
import { ConfirmProvider } from "../ui/confirm";
import { ErrorMessage } from "../ui/ErrorMessage";
import { Loading } from "../ui/Loading";
import { ShortcutProvider } from "../ui/shortcuts";
import { cssVariables, theme } from "../ui/theme";
import { load } from "./load";
import { Shell } from "./Shell";

const Login = lazy(() => load(() => import("../screens/login")));
const SessionEnded = lazy(() => load(() => import("../screens/login/SessionEnded")));

/** The whole page. nonce is what the content security policy asks of style elements that are made at run time. */
export function App({ queries, nonce }: { queries: QueryClient; nonce: string }) {
  const { t } = useTranslation();
  const close = t("action.close");
  const named = useMemo(() => withNames(theme, close), [close]);
  return (
    <MantineProvider
      theme={named}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queries}>
        <Notifications position="bottom-right" />
        <ShortcutProvider>
          <ConfirmProvider>
            <Suspense fallback={<Loading />}>
              <BySession />
            </Suspense>
          </ConfirmProvider>
        </ShortcutProvider>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Names what Mantine gives no name: the buttons that close what pops up. */
function withNames(plain: typeof theme, close: string): typeof theme {
  const closeButtonProps = { "aria-label": close };
  return { ...plain, components: { ...plain.components, Notification: { defaultProps: { closeButtonProps } } } };
}

function BySession() {
  // The whole page is written anew when the language changes.
  useTranslation();
  const session = useSession();
  switch (session.state) {
    case "checking":
      return <Loading />;
    case "failed":
      return (
        <Center mih="100vh" component="main">
          <ErrorMessage error={session.error} retry={() => void checkSession()} />
        </Center>
      );
    case "out":
      return <Login />;
    case "in":
    case "ended":
      return (
        <>
          <Shell />
          {session.state === "ended" && <SessionEnded account={session.me.name} />}
        </>
      );
  }
}

import "@mantine/core/styles.css";
import "../ui/scheme.css";
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { lazy, StrictMode, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { newQueryClient } from "../api/queries";
import { ErrorBoundary } from "../app/ErrorBoundary";
import { load } from "../app/load";
import { startTranslation } from "../i18n";
import { cssVariables, theme } from "../ui/theme";
import { addressOf } from "./address";
import { embedderOf } from "./embedder";

// Its texts are added when it is loaded, to those that startTranslation begins with.
const EmbeddedPlayer = lazy(() => load(() => import("./EmbeddedPlayer")));

const named = (name: string) => document.querySelector<HTMLMetaElement>(`meta[name="${name}"]`)?.content ?? "";
const { requestID, language, scheme } = addressOf(new URL(window.location.href));
startTranslation(language);
const embedder = embedderOf(window, named("embed-origins").split(" ").filter(Boolean));
const queries = newQueryClient();
const nonce = named("csp-nonce");

const root = document.getElementById("root");
if (root === null) throw new Error("embed.html has no #root");
createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariables}
      defaultColorScheme="auto"
      {...(scheme && { forceColorScheme: scheme })}
      getStyleNonce={() => nonce}
    >
      <QueryClientProvider client={queries}>
        <ErrorBoundary>
          <Suspense>
            <EmbeddedPlayer requestID={requestID} embedder={embedder} />
          </Suspense>
        </ErrorBoundary>
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);

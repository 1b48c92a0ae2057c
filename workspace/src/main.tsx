import "@mantine/core/styles.css";
import "@mantine/notifications/styles.css";
import "./ui/scheme.css";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { newQueryClient } from "./api/queries";
import { App } from "./app/App";
import { preloadScreen } from "./app/screens";
import { startEvents } from "./events/events";
import { startTranslation } from "./i18n";
import { startSession } from "./session/session";

const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
setNonce(nonce); // for the scroll lock behind Mantine's dialogs
startTranslation();
startSession();
preloadScreen(window.location.pathname);
const queries = newQueryClient();
startEvents(queries);

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <App queries={queries} nonce={nonce} />
  </StrictMode>,
);

import { type Language, languages } from "../i18n";

/** What the address of the player says: /embed/calls/{request_id}/player?lang=en&scheme=dark. */
export interface Address {
  requestID: string;
  /** Undefined leaves it to what was chosen on this machine. */
  language: Language | undefined;
  scheme: "light" | "dark" | undefined;
}

/** Reads an address of the player. Unknown values count as none. */
export function addressOf(url: URL): Address {
  const language = url.searchParams.get("lang");
  const scheme = url.searchParams.get("scheme");
  return {
    requestID: decodeURIComponent(url.pathname.split("/")[3] ?? ""),
    language: languages.find((l) => l === language),
    scheme: scheme === "light" || scheme === "dark" ? scheme : undefined,
  };
}

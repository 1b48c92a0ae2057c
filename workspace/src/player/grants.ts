import { api, read } from "../api/client";
import { currentLanguage } from "../i18n";
import type { Part } from "./heard";

/** A permission to play a recording for some minutes. */
export interface Grant {
  grant: string;
  url: string;
  expires_at: string;
  duration_seconds: number;
}

/** What a player asks of the server. */
export interface Grants {
  begin(recording: number): Promise<Grant>;
  /** Prolongs a grant, and says what was played. Returns when it ends now. */
  renew(grant: string, heard: Part[]): Promise<string>;
  /** Says what was played while the page is being left. */
  leave(grant: string, heard: Part[]): void;
}

export const grants: Grants = {
  begin: (recording) => read(api.POST("/recordings/{id}/playback", { params: { path: { id: recording } } })),
  renew: async (grant, heard) =>
    (await read(api.PATCH("/playback/{grant}", { params: { path: { grant } }, body: { heard } }))).expires_at,
  leave: (grant, heard) => {
    // keepalive: the request outlives the page, of which nobody is left to hear the answer.
    fetch(`/api/v1/playback/${grant}`, {
      method: "PATCH",
      keepalive: true,
      headers: { "Content-Type": "application/json", "Accept-Language": currentLanguage() },
      body: JSON.stringify({ heard }),
    }).catch(() => {});
  },
};

import { useState } from "react";
import type { Callback } from "../../api/types";
import { useDraft } from "../../drafts/useDraft";
import type { TextDraft } from "./drafts";

/** The text of a record while it is edited. */
export interface TextEditor {
  /** What was typed; null while the text is only read. */
  text: string | null;
  /** Whether that differs from where it began. */
  unsaved: boolean;
  /** The version from which to save. */
  version: number;
  /** What somebody else made of the text meanwhile; null when nobody did. */
  theirs: string | null;
  begin(): void;
  type(text: string): void;
  /** Ends editing, saved or given up. */
  end(): void;
  /** Goes on from the record as it is now, to which the user was led by a conflict. What was typed stays. */
  goOn(now: Callback): void;
}

/**
 * Edits a text of a callback under a draft's name. A change of the record elsewhere does not matter to it: only when the
 * text itself was changed, the version of the beginning is kept, so that the server refuses to overwrite it unseen.
 */
export function useTextEditor(name: string, record: Callback, member: "memo" | "contact_number"): TextEditor {
  const stored = useDraft<TextDraft>(name);
  const [opened, setOpened] = useState<TextDraft | null>(null);
  const draft = stored.draft ?? opened;
  const now = record[member] ?? "";

  const put = (next: TextDraft) => {
    setOpened(next);
    // What is no different is nothing to lose: it does not count as a draft.
    if (next.text === next.base.text) stored.clear();
    else stored.keep(next);
  };
  const moved = draft !== null && draft.base.text !== now;
  return {
    text: draft?.text ?? null,
    unsaved: draft !== null && draft.text !== draft.base.text,
    version: draft !== null && moved ? draft.base.version : record.version,
    theirs: draft === null ? null : moved ? now : (draft.theirs ?? null),
    begin: () => setOpened({ text: now, base: { version: record.version, text: now } }),
    type: (text) => draft !== null && put({ ...draft, text }),
    end: () => {
      setOpened(null);
      stored.clear();
    },
    goOn: (fresh) => {
      if (draft === null) return;
      const text = fresh[member] ?? "";
      const theirs = text === draft.base.text ? {} : { theirs: text };
      put({ text: draft.text, base: { version: fresh.version, text }, ...theirs });
    },
  };
}

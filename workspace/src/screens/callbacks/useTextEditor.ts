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
  /** Ends editing, with nothing to save or given up. */
  end(): void;
  /** Ends editing once a text is saved. What was typed since it was sent stays, as a change of the record as it is now. */
  saved(text: string, now: Callback): void;
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

  const end = () => {
    setOpened(null);
    stored.clear();
  };
  const put = (next: TextDraft) => {
    setOpened(next);
    // What is no different is nothing to lose: it does not count as a draft.
    if (next.text === next.base.text) stored.clear();
    else stored.keep(next);
  };
  // What is there already was saved, perhaps by a request whose answer was lost: it is nobody else's.
  const there = draft !== null && draft.text === now;
  const moved = draft !== null && draft.base.text !== now && !there;
  return {
    text: draft?.text ?? null,
    unsaved: draft !== null && draft.text !== draft.base.text && !there,
    version: draft !== null && moved ? draft.base.version : record.version,
    theirs: draft === null ? null : moved ? now : (draft.theirs ?? null),
    begin: () => setOpened({ text: now, base: { version: record.version, text: now } }),
    type: (text) => draft !== null && put({ ...draft, text }),
    end,
    saved: (text, fresh) => {
      // The answer may come long after, or to a page that was left: the draft counts as it is stored by then.
      const typed = stored.read();
      if (typed === null || typed.text === text) end();
      else put({ text: typed.text, base: { version: fresh.version, text: fresh[member] ?? "" } });
    },
    goOn: (fresh) => {
      if (draft === null) return;
      const text = fresh[member] ?? "";
      const theirs = text === draft.base.text ? {} : { theirs: text };
      put({ text: draft.text, base: { version: fresh.version, text }, ...theirs });
    },
  };
}

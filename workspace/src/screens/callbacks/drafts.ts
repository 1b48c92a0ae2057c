/** What was typed into a text of a callback. */
export interface TextDraft {
  text: string;
  /** The record as it was when the user began. */
  base: { version: number; text: string };
  /** What somebody else had saved when the user went on after a conflict. */
  theirs?: string;
}

export const memoDraft = (id: number) => `memo/${id}`;
export const contactDraft = (id: number) => `contact_number/${id}`;

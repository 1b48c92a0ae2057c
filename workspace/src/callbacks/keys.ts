/** Under which keys callbacks lie in the cache; the event stream keeps what lies there fresh. */
export const callbackKeys = {
  list: (query: object) => ["callbacks", "list", query],
  one: (id: number) => ["callbacks", "one", id],
  history: (id: number) => ["callbacks", "history", id],
} as const;

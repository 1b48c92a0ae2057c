// Where records are, for links from one screen to another.

/** The tab of a callback in 折り返し呼一覧. */
export function callbackAddress(id: number): string {
  return `/callbacks/${id}`;
}

/** The detail of a call in 応対一覧. */
export function callAddress(requestID: string): string {
  return `/contacts/${requestID}`;
}

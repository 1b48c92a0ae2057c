import type { Callback, Me } from "../api/types";

// What to offer. What is allowed, the server says.

/** Whether the user may give callbacks to others. */
export function mayAssign(me: Me): boolean {
  return me.role !== "agent";
}

/** Whether the user may complete or reopen a callback; nobody may while it has no assignee. */
export function maySetStatus(me: Me, callback: Callback): boolean {
  return callback.assignee !== null && (callback.assignee === me.name || mayAssign(me));
}

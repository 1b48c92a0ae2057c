/** Why a login with another system failed, as the server says it. */
export const loginErrors = [
  "unavailable",
  "refused",
  "no_role",
  "name_taken",
  "disabled",
  "account_invalid",
  "last_admin",
  "too_many_attempts",
  "internal",
] as const;

export type LoginError = (typeof loginErrors)[number];

const parameter = "login_error";

/** Takes why the login failed, if it did, out of the page's address, so that it is not said again. */
export function takeLoginError(): LoginError | null {
  const address = new URL(window.location.href);
  const code = address.searchParams.get(parameter);
  if (code === null) return null;
  address.searchParams.delete(parameter);
  window.history.replaceState(window.history.state, "", address);
  return loginErrors.find((known) => known === code) ?? "internal";
}

/** The path of the page that is open, to come back to. */
export function returnTo(): string {
  return window.location.pathname + window.location.search;
}

import { ProblemError } from "./problem";

/** Returns what the server says of the members of a request's body, each by its name: { name: "…" }. */
export function fieldErrors(error: unknown): Record<string, string> {
  if (!(error instanceof ProblemError)) return {};
  const found: Record<string, string> = {};
  for (const { field, in: place, detail } of error.problem.fields ?? []) {
    const name = place === "body" ? field.split("/")[1] : field;
    if (name !== undefined && name !== "") found[name] ??= detail;
  }
  return found;
}

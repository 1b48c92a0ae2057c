import type { components } from "./schema.gen";

export type Problem = components["schemas"]["Problem"];

/** An answer that is an error: the problem document of RFC 9457. */
export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    /** What `Retry-After` says, in seconds. */
    readonly retryAfter: number | null,
  ) {
    super(problem.detail);
    this.name = "ProblemError";
  }
}

/** No answer: the network is cut, or the server is away or too slow. */
export class NoAnswerError extends Error {
  constructor(
    readonly why: "unreachable" | "timeout",
    options?: ErrorOptions,
  ) {
    super(why, options);
    this.name = "NoAnswerError";
  }
}

/** Tells whether an error is the problem with a code, such as `stale`. */
export function isProblem(error: unknown, code: string): error is ProblemError {
  return error instanceof ProblemError && error.problem.code === code;
}

/** Makes an error of an answer that is none of the API's, such as a proxy's page. */
export function problemOf(body: unknown, response: Response): ProblemError {
  const after = Number(response.headers.get("Retry-After"));
  const retryAfter = Number.isFinite(after) && after > 0 ? after : null;
  if (typeof body === "object" && body !== null && "code" in body && "detail" in body) {
    return new ProblemError(body as Problem, retryAfter);
  }
  return new ProblemError(
    { type: "about:blank", title: response.statusText, status: response.status, code: "unknown", detail: "" },
    retryAfter,
  );
}

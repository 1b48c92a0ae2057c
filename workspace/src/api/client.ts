import createClient, { type Middleware } from "openapi-fetch";
import { currentLanguage } from "../i18n";
import { NoAnswerError, problemOf } from "./problem";
import type { paths } from "./schema.gen";

/** How long an answer may take, in milliseconds; longer than the server's own limit. */
const timeout = 20_000;

async function fetchInTime(request: Request): Promise<Response> {
  const limit = AbortSignal.timeout(timeout);
  try {
    return await fetch(request, { signal: AbortSignal.any([request.signal, limit]) });
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new NoAnswerError(limit.aborted ? "timeout" : "unreachable", { cause: error });
  }
}

const withLanguage: Middleware = {
  onRequest({ request }) {
    request.headers.set("Accept-Language", currentLanguage());
    return request;
  },
};

let onUnauthorized: () => void = () => {};

/** Sets who is told that an answer says that there is no session (any more). */
export function whenUnauthorized(f: () => void): void {
  onUnauthorized = f;
}

const watchSession: Middleware = {
  async onResponse({ response, schemaPath }) {
    if (response.status === 401 && schemaPath !== "/session") onUnauthorized();
    return undefined;
  },
};

/** The API, typed by the contract. Use it with read. */
export const api = createClient<paths>({ baseUrl: "/api/v1", fetch: fetchInTime });
api.use(withLanguage, watchSession);

/**
 * Returns what an answer holds, or throws: a ProblemError for an answer that is an error, a NoAnswerError for none.
 *
 *     const page = await read(api.GET("/callbacks", { params: { query }, signal }));
 */
export async function read<R extends { data?: unknown; error?: unknown; response: Response }>(
  request: Promise<R>,
): Promise<Exclude<R["data"], undefined>> {
  const { data, error, response } = await request;
  if (!response.ok) throw problemOf(error, response);
  return data as Exclude<R["data"], undefined>;
}

import createClient from "openapi-fetch";
import { pageHeaders } from "./storage";
import type { components, paths } from "./schema";

export type Schema = components["schemas"];

/** What the hub answers when it says no, or what kept it from answering. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

/** Called when the hub does not know this browser (any more). */
let onSignedOut: () => void = () => undefined;
export function whenSignedOut(call: () => void): void {
  onSignedOut = call;
}

async function send(request: Request): Promise<Response> {
  for (const [name, value] of Object.entries(pageHeaders())) request.headers.set(name, value);
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError(0, "hub_silent", "The hub does not answer.", "`agentos up` starts it; this page tries again.");
  }
  if (response.ok || response.status === 304) return response;
  if (response.status === 401) onSignedOut();
  throw await apiError(response);
}

export async function apiError(response: Response): Promise<ApiError> {
  const said = (await response.json().catch(() => null)) as {
    error?: { code: string; message: string; hint: string | null };
  } | null;
  const { code, message, hint } = said?.error ?? {
    code: "unreadable",
    message: `The hub answered ${response.status}.`,
    hint: "`agentos logs` may tell why.",
  };
  return new ApiError(response.status, code, message, hint);
}

/** The hub's REST routes, typed by its OpenAPI document. An answer that says no is thrown. */
export const api = createClient<paths>({ baseUrl: location.origin, fetch: send });

/** The data of an answer, which is there unless an error was thrown. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

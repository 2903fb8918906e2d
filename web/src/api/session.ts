import { apiError } from "./client";
import { pageHalf, pageHeaders } from "./storage";

/** Signs this browser in with the code of a link; throws if it is not good. */
export async function signIn(code: string): Promise<void> {
  const response = await fetch("/api/v1/browser/session", {
    method: "POST",
    headers: { Authorization: `Code ${code}`, "Content-Type": "application/json" },
    body: "{}",
  });
  if (!response.ok) throw await apiError(response);
  pageHalf.set(((await response.json()) as { page: string }).page);
}

/** Signs this browser out; what it held opens nothing any more. */
export async function signOut(): Promise<void> {
  await fetch("/api/v1/browser/session", { method: "DELETE", headers: pageHeaders() });
  pageHalf.clear();
}

import type { Hub } from "../hub/hub";
import type { Ask, FromPage, ToPage } from "./messages";

/** What the page may send along; who asks is the extension's to say. */
const HEADERS = new Set(["accept", "content-type", "idempotency-key", "if-match", "if-none-match", "last-event-id"]);
const METHODS = new Set(["DELETE", "GET", "PATCH", "POST", "PUT"]);
/** What the page reads; signing browsers in is not for it. */
const OPEN = "/api/v1/";
const CLOSED = "/api/v1/browser/codes";

/** Asks the hub for the page in the webview: with the token, which the page never has. */
export class Relay {
  private readonly underWay = new Map<string, AbortController>();

  constructor(
    private readonly hub: Hub,
    private readonly post: (said: ToPage) => unknown,
  ) {}

  /** Takes what the page asks; what is of no known form is left alone. */
  async take(said: Exclude<FromPage, { kind: "save" }>): Promise<void> {
    if (said.kind === "begin") this.end();
    else if (said.kind === "leave") this.underWay.get(said.id)?.abort();
    else await this.ask(said);
  }

  /** Ends whatever is under way. */
  end(): void {
    for (const each of this.underWay.values()) each.abort();
    this.underWay.clear();
  }

  private async ask(asked: Ask): Promise<void> {
    const { id } = asked;
    const path = allowed(asked);
    if (path === null) {
      this.post({ kind: "failed", id, why: `${asked.method} ${asked.path} is not for the page` });
      return;
    }
    const current = new AbortController();
    this.underWay.set(id, current);
    try {
      const sent = Object.entries(asked.headers).filter(([name]) => HEADERS.has(name.toLowerCase()));
      const { method, body } = asked;
      const answer = await this.hub.send({ method, path, headers: Object.fromEntries(sent), body, signal: current.signal });
      this.post({ kind: "answer", id, status: answer.status, headers: answer.headers });
      for await (const piece of answer.body) {
        // The editor carries plain arrays of bytes as such; it would make text of Node's own kind.
        this.post({ kind: "piece", id, bytes: new Uint8Array(piece as Buffer) });
      }
      this.post({ kind: "end", id });
    } catch (error) {
      if (!current.signal.aborted) this.post({ kind: "failed", id, why: error instanceof Error ? error.message : String(error) });
    } finally {
      this.underWay.delete(id);
    }
  }
}

/** The path that a request may have, written in one way; null if it may not. */
function allowed({ method, path }: Ask): string | null {
  if (!METHODS.has(method) || !path.startsWith("/")) return null;
  const base = "http://hub.invalid";
  const url = new URL(path, base);
  const inside = url.origin === base && url.pathname.startsWith(OPEN) && !url.pathname.startsWith(CLOSED);
  return inside ? url.pathname + url.search : null;
}

/** Reads a message of the webview; null if it is none that the page sends. */
export function fromPage(said: unknown): FromPage | null {
  if (typeof said !== "object" || said === null) return null;
  const { kind, id, method, path, headers, body, name, text } = said as Record<string, unknown>;
  if (kind === "begin") return { kind };
  if (kind === "leave" && typeof id === "string") return { kind, id };
  if (kind === "save" && typeof name === "string" && typeof text === "string") return { kind, name, text };
  if (kind !== "ask" || typeof id !== "string" || typeof method !== "string" || typeof path !== "string") return null;
  if (typeof headers !== "object" || headers === null || !(body === null || typeof body === "string")) return null;
  const words = Object.entries(headers).filter((one): one is [string, string] => typeof one[1] === "string");
  return { kind, id, method, path, headers: Object.fromEntries(words), body };
}

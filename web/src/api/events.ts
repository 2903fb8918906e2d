import { apiError, ApiError } from "./client";
import { pageHeaders } from "./storage";

export type Connection = "connecting" | "live" | "lost";

export interface ServerEvent {
  id: number | null;
  type: string;
  data: string;
}

interface Handlers {
  event: (event: ServerEvent) => void;
  connection?: (state: Connection) => void;
  /** Called when the hub says no; it is asked no more if what is followed is not there. */
  refused?: (error: ApiError) => void;
}

/** Longer than the hub's heartbeat: a silence of this length means that it is gone. */
const SILENCE = 40_000;
/** Statuses that asking again does not change. */
const NEVER = [401, 404];
const LONGEST_WAIT = 10_000;

/**
 * Follows a stream of server-sent events until the returned function is called.
 *
 * A lost connection is made again, and what came meanwhile is replayed (`Last-Event-ID`). While
 * nobody looks at the page, nothing is followed: browsers allow few connections to one host.
 *
 * EventSource cannot send the header that says which page asks, so this reads the stream itself.
 */
export function follow(url: string, handlers: Handlers, after: number | null = null): () => void {
  let place = after;
  let ended = false;
  let current: AbortController | null = null;

  async function run(): Promise<void> {
    let wait = 250;
    while (!ended) {
      await visible();
      if (ended) return;
      handlers.connection?.("connecting");
      current = new AbortController();
      try {
        await read(url, place, current, (event) => {
          wait = 250;
          if (event === null) return handlers.connection?.("live");
          place = event.id ?? place;
          if (event.data !== "") handlers.event(event);
        });
      } catch (error) {
        if (error instanceof ApiError) handlers.refused?.(error);
        if (error instanceof ApiError && NEVER.includes(error.status)) return handlers.connection?.("lost");
      }
      if (ended) return;
      if (document.visibilityState === "hidden") continue;
      handlers.connection?.("lost");
      await pause(wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    }
  }

  const hidden = () => {
    if (document.visibilityState === "hidden") current?.abort();
  };
  document.addEventListener("visibilitychange", hidden);
  void run();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", hidden);
    current?.abort();
  };
}

async function read(
  url: string,
  place: number | null,
  abort: AbortController,
  take: (event: ServerEvent | null) => void,
): Promise<void> {
  const headers: Record<string, string> = { ...pageHeaders(), Accept: "text/event-stream" };
  if (place !== null) headers["Last-Event-ID"] = String(place);
  const response = await fetch(url, { headers, signal: abort.signal, cache: "no-store" });
  if (!response.ok || response.body === null) throw await apiError(response);
  take(null);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const timer = setTimeout(() => abort.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) take(parse(block));
  }
}

/** Reads one event; the hub ends lines with a line feed. */
function parse(block: string): ServerEvent {
  const event: ServerEvent = { id: null, type: "message", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) event.id = Number(line.slice(4));
    else if (line.startsWith("event: ")) event.type = line.slice(7);
    else if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return event;
}

function visible(): Promise<void> {
  if (document.visibilityState === "visible") return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", () => resolve(), { once: true }));
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

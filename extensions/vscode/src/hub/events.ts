import { refusal, type Hub } from "./hub";

/** A server-sent event. */
export interface ServerEvent {
  type: string;
  data: string;
}

export interface Follower {
  event: (event: ServerEvent) => void;
  /** The stream is open: what came before may have been missed. */
  open: () => void;
  /** The stream is lost, and is tried again after a while. */
  lost: (error: unknown) => void;
}

/** Longer than the hub's heartbeat: a silence of this length means that it is gone. */
const SILENCE = 40_000;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 10_000;

/**
 * Follows a stream of the hub until the returned function is called.
 *
 * A lost stream is opened again, from the last event on, at growing intervals.
 */
export function follow(hub: Hub, path: string, follower: Follower): () => void {
  const ended = new AbortController();
  void run(hub, path, follower, ended.signal);
  return () => ended.abort();
}

async function run(hub: Hub, path: string, follower: Follower, ended: AbortSignal): Promise<void> {
  let place: string | null = null;
  let wait = FIRST_WAIT;
  while (!ended.aborted) {
    try {
      const body = await opened(hub, path, place, ended);
      follower.open();
      for await (const block of body) {
        wait = FIRST_WAIT;
        const { id, event } = parse(block);
        place = id ?? place;
        if (event.data !== "") follower.event(event);
      }
      throw new Error("the hub ended the stream");
    } catch (error) {
      if (ended.aborted) return;
      follower.lost(error);
    }
    await pause(wait, ended);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** Opens the stream and returns its blocks. */
async function opened(hub: Hub, path: string, place: string | null, ended: AbortSignal): Promise<AsyncIterable<string>> {
  const current = new AbortController();
  const stop = () => current.abort();
  ended.addEventListener("abort", stop, { once: true });
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (place !== null) headers["last-event-id"] = place;
  const answer = await hub.send({ method: "GET", path, headers, signal: current.signal });
  if (answer.status !== 200) {
    let text = "";
    for await (const block of blocks(answer.body, current)) text += block;
    throw refusal(answer.status, text);
  }
  return (async function* () {
    try {
      yield* blocks(answer.body, current);
    } finally {
      ended.removeEventListener("abort", stop);
      current.abort();
    }
  })();
}

/** Splits what comes at empty lines; a long silence ends it. */
export async function* blocks(body: AsyncIterable<Uint8Array>, current: AbortController): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  let timer = setTimeout(() => current.abort(), SILENCE);
  try {
    for await (const piece of body) {
      clearTimeout(timer);
      timer = setTimeout(() => current.abort(), SILENCE);
      const found = (rest + decoder.decode(piece, { stream: true })).split("\n\n");
      rest = found.pop() ?? "";
      yield* found;
    }
    if (rest) yield rest;
  } finally {
    clearTimeout(timer);
  }
}

/** Reads one event; the hub ends lines with a line feed. */
export function parse(block: string): { id: string | null; event: ServerEvent } {
  const event: ServerEvent = { type: "message", data: "" };
  let id: string | null = null;
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("event: ")) event.type = line.slice(7);
    else if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return { id, event };
}

function pause(milliseconds: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      ended.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    ended.addEventListener("abort", done);
  });
}

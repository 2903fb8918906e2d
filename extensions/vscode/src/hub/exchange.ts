import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import type { Readable } from "node:stream";

/** A request to the hub. */
export interface Asked {
  method: string;
  /** From the root on, with the query. */
  path: string;
  headers?: Record<string, string>;
  body?: string | null;
  signal?: AbortSignal;
}

/** What the hub answered, of which the body comes as it is read. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Readable;
}

/** Where the hub listens, as `agentos status` tells it. */
export interface Running {
  pid: number;
  url: string;
  version: string;
  started: string;
  home: string;
  tls_certificate: string;
}

/** The hub does not answer at its address. */
export class HubSilent extends Error {
  /** @param reached Whether it may have got the request, and done what that asks for. */
  constructor(
    url: string,
    why: string,
    readonly reached: boolean,
  ) {
    super(`The hub does not answer at ${url} (${why}).`);
  }
}

/** Sends one request, to that address alone: redirects are not followed, no proxy is asked. */
export function exchange(running: Running, token: string, asked: Asked, agent: string): Promise<Answer> {
  const url = new URL(asked.path, running.url);
  if (url.origin !== new URL(running.url).origin) throw new Error(`${asked.path} is no path of the hub`);
  const body = asked.body ?? null;
  const headers: Record<string, string | number> = {
    ...asked.headers,
    authorization: `Bearer ${token}`,
    "user-agent": agent,
  };
  if (body !== null) headers["content-length"] = Buffer.byteLength(body);
  const options: https.RequestOptions = { method: asked.method, headers };
  // On a connection of its own, what a request that changes something came to is known: a former
  // one may have been closed by now, and breaks as if the hub had got the request.
  if (asked.method !== "GET") options.agent = false;
  if (asked.signal) options.signal = asked.signal;
  if (running.tls_certificate) options.ca = readFileSync(running.tls_certificate);
  return new Promise((resolve, reject) => {
    const request = (url.protocol === "https:" ? https : http).request(url, options, (response) => {
      // A stream that breaks is told to whoever reads it; nobody may be reading.
      response.on("error", () => undefined);
      resolve({ status: response.statusCode ?? 0, headers: plain(response.headers), body: response });
    });
    let reached = false;
    request.on("socket", (socket) => {
      if (!socket.connecting) reached = true;
      socket.once("connect", () => (reached = true));
    });
    request.on("error", (error) => {
      reject(asked.signal?.aborted ? error : new HubSilent(running.url, error.message, reached));
    });
    request.end(body ?? undefined);
  });
}

function plain(headers: http.IncomingHttpHeaders): Record<string, string> {
  const found = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : value]);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined)) as Record<string, string>;
}

// A hub over HTTP, and an `agentos` program that tells where it is.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from "node:fs";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hub } from "../src/hub/hub";
import { Program } from "../src/hub/program";

type Serve = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

const PROGRAM = `#!/bin/sh
cd "$(dirname "$0")" || exit
echo "$*" >>calls
name=$(echo "$*" | tr ' ' _)
[ -f "$name.err" ] && cat "$name.err" >&2
[ -f "$name.out" ] && cat "$name.out"
[ -f "$name.code" ] && exit "$(cat "$name.code")"
exit 0
`;

/** A hub that answers with what it is given; `place` holds the program and what that says. */
export class HubHere {
  readonly place = mkdtempSync(join(tmpdir(), "agentos-vscode-"));
  readonly program = new Program(() => join(this.place, "agentos"));
  readonly hub = new Hub(this.program, "agentos-vscode/test");
  readonly asked: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[] = [];
  token = "the-token";
  /** Answers by path; of what is not here, the hub knows no route. */
  answers: Record<string, unknown> = {};
  serve: Serve | null = null;
  private server: http.Server | null = null;

  constructor() {
    writeFileSync(join(this.place, "agentos"), PROGRAM);
    chmodSync(join(this.place, "agentos"), 0o755);
    this.says("token_show", `${this.token}\n`);
    this.says("status_--json", JSON.stringify({ running: null }));
  }

  /** Has the program print something, and end with a code. */
  says(command: string, out: string, code = 0, err = ""): void {
    writeFileSync(join(this.place, `${command}.out`), out);
    writeFileSync(join(this.place, `${command}.code`), String(code));
    writeFileSync(join(this.place, `${command}.err`), err);
  }

  /** How the program was called. */
  get calls(): string[] {
    const path = join(this.place, "calls");
    return existsSync(path) ? readFileSync(path, "utf8").trim().split("\n") : [];
  }

  async up(): Promise<this> {
    const server = http.createServer((request, response) => {
      let body = "";
      request.on("data", (piece) => (body += piece));
      request.on("end", () => this.answer(request, response, body));
    });
    this.server = server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const running = { pid: 1, url, version: "0.1.0", started: "2026-11-02T10:00:00Z", home: "/home", tls_certificate: "" };
    this.says("status_--json", JSON.stringify({ running }));
    return this;
  }

  async down(): Promise<void> {
    const server = this.server;
    this.server = null;
    this.says("status_--json", JSON.stringify({ running: null }), 3);
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  async end(): Promise<void> {
    await this.down();
    // The program may just be writing there: whoever follows has it look for the hub.
    rmSync(this.place, { recursive: true, maxRetries: 20 });
  }

  private answer(request: http.IncomingMessage, response: http.ServerResponse, body: string): void {
    const { method = "", url = "", headers } = request;
    this.asked.push({ method, url, headers, body });
    const say = (status: number, said: unknown) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(said));
    };
    if (headers.authorization !== `Bearer ${this.token}`) {
      return say(401, { error: { code: "token_unknown", message: "the token is not known", hint: null } });
    }
    if (this.serve) return this.serve(request, response, body);
    const found = this.answers[url.split("?")[0] ?? ""];
    if (found === undefined) say(404, { error: { code: "not_found", message: `there is nothing at ${url}`, hint: null } });
    else say(200, found);
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

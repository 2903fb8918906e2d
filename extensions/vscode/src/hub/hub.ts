import { exchange, HubSilent, type Answer, type Asked, type Running } from "./exchange";
import { ProgramFailed, type Program } from "./program";

/** The hub does not run. */
export class HubOff extends Error {
  constructor() {
    super("The hub does not run.");
  }
}

/** What the hub says when it says no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(hint ? `${message}. ${hint}` : message);
  }

  /** Whether the hub has no such route: it is older than the extension. */
  get unknownRoute(): boolean {
    return (this.status === 404 && this.code === "not_found") || this.status === 405;
  }
}

interface Place {
  running: Running;
  token: string;
}

/**
 * The hub of this computer: found, and its token read, through the `agentos` program.
 *
 * The token stays in this object: it is neither stored nor logged, and no page gets it.
 */
export class Hub {
  private place: Promise<Place> | null = null;

  /** @param client What the hub's log calls this program. */
  constructor(
    readonly program: Program,
    private readonly client: string,
  ) {}

  /** Tells where the hub runs; null if it does not. */
  async find(): Promise<Running | null> {
    const { stdout, stderr } = await this.program.run(["status", "--json"]);
    try {
      return (JSON.parse(stdout) as { running: Running | null }).running;
    } catch (error) {
      throw new ProgramFailed(`agentos status cannot be read: ${stderr.trim().slice(0, 300)}`, { cause: error });
    }
  }

  /** Forgets where the hub is and its token: one of them changed. */
  forget(): void {
    this.place = null;
  }

  /**
   * Sends a request; an answer of any status is returned. A hub that moved, and a token that was
   * rotated, are found again once; what the hub may have done already is not asked for twice.
   */
  async send(asked: Asked): Promise<Answer> {
    const known = this.place !== null;
    const place = await this.found();
    try {
      const answer = await exchange(place.running, place.token, asked, this.client);
      if (answer.status !== 401 || !known) return answer;
      answer.body.destroy();
    } catch (error) {
      if (!(error instanceof HubSilent)) throw error;
      this.forget();
      if (!known || (error.reached && asked.method !== "GET")) throw error;
    }
    this.forget();
    const again = await this.found();
    return exchange(again.running, again.token, asked, this.client);
  }

  /** Reads JSON. */
  get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return this.json<T>({ method: "GET", path, ...(signal && { signal }) });
  }

  /** Posts JSON and reads the answer. */
  post<T>(path: string, said: unknown, signal?: AbortSignal): Promise<T> {
    const headers = { "content-type": "application/json" };
    return this.json<T>({ method: "POST", path, headers, body: JSON.stringify(said), ...(signal && { signal }) });
  }

  private async json<T>(asked: Asked): Promise<T> {
    const answer = await this.send(asked);
    const text = await textOf(answer);
    if (answer.status >= 200 && answer.status < 300) return (text ? JSON.parse(text) : null) as T;
    throw refusal(answer.status, text);
  }

  private found(): Promise<Place> {
    const place = this.place ?? this.look();
    this.place = place;
    place.catch(() => {
      if (this.place === place) this.place = null;
    });
    return place;
  }

  private async look(): Promise<Place> {
    const running = await this.find();
    if (running === null) throw new HubOff();
    return { running, token: (await this.program.said(["token", "show"])).trim() };
  }
}

async function textOf(answer: Answer): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answer.body) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces).toString("utf8");
}

export function refusal(status: number, text: string): Refused {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; hint: string | null } };
    return new Refused(status, error.code, error.message, error.hint ?? "");
  } catch {
    return new Refused(status, "unreadable", `The hub answered ${status}`, "`agentos logs` may tell why.");
  }
}

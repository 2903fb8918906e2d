import * as vscode from "vscode";
import { follow } from "./hub/events";
import { HubOff, type Hub } from "./hub/hub";
import { ProgramAbsent } from "./hub/program";

/** What is read anew together. */
export type Part = "server" | "sessions" | "portfolio" | "memory" | "drift" | "cost";
type State = "on" | "off" | "absent" | "failing";

const ALL: Part[] = ["server", "sessions", "portfolio", "memory", "drift", "cost"];
/**
 * What an event of the hub may have changed. Requests are not among them: reading the
 * answer would be the next one.
 */
const CHANGED: Record<string, Part[]> = {
  session: ["sessions", "cost"],
  portfolio_read: ["portfolio"],
  tool: ["server", "portfolio"],
  project: ["server"],
  command: ["server"],
};
/** Milliseconds in which many events are one. */
const TOGETHER = 500;
/** What no event tells is read so often, in milliseconds, while the window is looked at. */
const EVERY = 60_000;

/** Keeps what is shown up to date with the hub. */
export class Live implements vscode.Disposable {
  private stop: () => void;
  private readonly timer: NodeJS.Timeout;
  private readonly waiting = new Set<Part>();
  private soon: NodeJS.Timeout | null = null;
  private state: State | null = null;

  /** @param refresh Reads parts anew. */
  constructor(
    private readonly hub: Hub,
    private readonly log: vscode.LogOutputChannel,
    private readonly refresh: (parts: Part[]) => Promise<unknown>,
  ) {
    this.stop = this.follow();
    this.timer = setInterval(() => vscode.window.state.focused && this.changed(ALL), EVERY);
  }

  /** Has parts read anew soon, once for many calls. */
  changed(parts: Part[]): void {
    for (const part of parts) this.waiting.add(part);
    if (this.waiting.size === 0 || this.soon !== null) return;
    this.soon = setTimeout(() => {
      this.soon = null;
      const parts = [...this.waiting];
      this.waiting.clear();
      void this.refresh(parts);
    }, TOGETHER);
  }

  /** Looks for the hub now, and reads everything anew. */
  again(): void {
    this.stop();
    this.stop = this.follow();
    this.changed(ALL);
  }

  dispose(): void {
    this.stop();
    clearInterval(this.timer);
    if (this.soon !== null) clearTimeout(this.soon);
  }

  private follow(): () => void {
    return follow(this.hub, "/api/v1/events", {
      open: () => {
        this.become("on");
        this.changed(ALL);
      },
      event: ({ type }) => this.changed(CHANGED[type] ?? []),
      lost: (error) => this.lost(error),
    });
  }

  private lost(error: unknown): void {
    const state = error instanceof HubOff ? "off" : error instanceof ProgramAbsent ? "absent" : "failing";
    if (this.state === state) return;
    this.log.info(error instanceof Error ? error.message : String(error));
    this.become(state);
    this.changed(ALL);
  }

  private become(state: State): void {
    if (this.state !== state) this.log.info(`The hub is ${state}.`);
    this.state = state;
    void vscode.commands.executeCommand("setContext", "agentos.hub", state);
  }
}

import type { Schema } from "../api/client";

export type SessionState = Schema["SessionState"];
export type Permission = Schema["Permission"];
export type PermissionOption = Schema["Option"];

/** JSON is what a request of the page has to be, also one without content. */
export const JSON_HEADERS = { "Content-Type": "application/json" } as const;

/** The state in words, and how good or bad it is. */
export const STATES = {
  starting: ["Starting", "accent"],
  idle: ["Idle", "plain"],
  running: ["Running", "good"],
  waiting: ["Waits for you", "warn"],
  ended: ["Ended", "plain"],
  interrupted: ["Interrupted", "warn"],
  failed: ["Failed", "bad"],
} as const satisfies Record<SessionState["state"], readonly [string, string]>;

/** The later of two states: the answer to a request may come after what happened since. */
export const later = (known: SessionState | null, told: SessionState): SessionState => (known !== null && known.last_seq > told.last_seq ? known : told);

export const named = (session: SessionState): string => session.title || "Without a prompt yet";

export function cost(session: { cost: Schema["Cost"] | null }): string {
  return session.cost === null ? "unknown" : money(session.cost);
}

export function money({ amount, currency }: Schema["Cost"]): string {
  const value = Number(amount);
  return new Intl.NumberFormat(undefined, { style: "currency", currency, maximumFractionDigits: value < 1 ? 4 : 2 }).format(value);
}

/** The name of an answer; some repeat the whole command. */
export const short = (name: string): string => (name.length > 80 ? `${name.slice(0, 79)}…` : name);

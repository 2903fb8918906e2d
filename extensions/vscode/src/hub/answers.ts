/** What the extension reads of the hub's answers; they hold more. */

export interface HubState {
  version: string;
  pid: number;
  started: string;
  memory_bytes: number;
  home: string;
  home_found: boolean;
  active_project: string | null;
  requests: number;
  errors: number;
}

export interface PageList {
  pages: { name: string; title: string; updated: string | null; scope: string | null; stale: boolean }[];
}

export interface ProposalList {
  proposals: { id: string; name: string; reason: string; client: string; creates: boolean }[];
}

export type SessionPhase = "starting" | "idle" | "running" | "waiting" | "ended" | "interrupted" | "failed";

export interface Session {
  id: string;
  agent: string;
  title: string;
  state: SessionPhase;
  live: boolean;
  model: string | null;
  last_line: string;
  cost: { amount: string; currency: string } | null;
  permissions: { id: string; title: string }[];
  updated_at: string;
}

export interface SessionList {
  sessions: Session[];
}

export interface Memory {
  /** Which memory of which client. */
  key: string;
  /** `agentos` for what is in the home. */
  client: string;
  title: string;
  type: string | null;
  project: string | null;
  about: string | null;
  excerpt: string;
  path: string;
  line: number;
}

export interface MemoryList {
  memories: Memory[];
}

export interface SyncStatus {
  clients: {
    client: string;
    installed: boolean;
    state: "in_sync" | "drift" | "conflict" | "error";
    drift: number;
    conflicts: number;
    error: { message: string } | null;
  }[];
}

export interface Sums {
  currency: string;
  total: { calls: number; tokens: number; cost: number | null; unpriced_calls: number };
}

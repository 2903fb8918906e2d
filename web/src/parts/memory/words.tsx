import type { Schema } from "../../api/client";
import { Badge, type Tone } from "../layout";
import { Time, Word } from "../text";

export type Memory = Schema["MemoryInfo"];
export const TYPES = ["user", "feedback", "project", "reference"] as const;
export type Type = (typeof TYPES)[number];

const NAMES: Record<string, string> = { agentos: "AgentOS", codex: "Codex", claude: "Claude", cursor: "Cursor" };
const TONES: Record<string, Tone> = { agentos: "accent", codex: "good", claude: "warn" };

export const clientName = (client: string) => NAMES[client] ?? client;

export function Client({ client }: { client: string }) {
  return (
    <Badge tone={TONES[client] ?? "plain"}>
      <Word>{clientName(client)}</Word>
    </Badge>
  );
}

/** What it is about, where it holds, and how old it is. */
export function About({ memory, active }: { memory: Memory; active: string | null }) {
  const where = memory.project ?? memory.about;
  return (
    <>
      {memory.type !== null && <Badge>{memory.type}</Badge>}
      {memory.kind !== "memory" && <Badge>{memory.kind}</Badge>}
      {where !== null && (
        <span>
          in <Word>{where}</Word>
        </span>
      )}
      {memory.client === "agentos" && memory.project !== null && memory.project !== active && <Badge tone="warn">project not active</Badge>}
      {memory.written !== null && (
        <span className="quiet">
          <Time at={memory.written} />
        </span>
      )}
    </>
  );
}

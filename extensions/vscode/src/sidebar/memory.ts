import type { Memory, MemoryList } from "../hub/answers";
import type { Hub } from "../hub/hub";
import { shown } from "../text";
import type { Node } from "./node";

/** Shows what each client remembers; a memory opens where it is written. */
export async function memoryNodes(hub: Hub): Promise<Node[]> {
  const { memories } = await hub.get<MemoryList>("/api/v1/memories?limit=500");
  const clients = new Map<string, Memory[]>();
  for (const memory of memories) clients.set(memory.client, [...(clients.get(memory.client) ?? []), memory]);
  return [...clients].sort(([a], [b]) => a.localeCompare(b)).map(([client, entries]) => ({
    id: `client:${client}`,
    label: shown(client),
    description: `${entries.length}`,
    icon: "database",
    collapsed: true,
    children: entries.map((entry) => ({
      id: `memory:${entry.key}`,
      label: shown(entry.title),
      description: [entry.type, entry.project].filter(Boolean).map((word) => shown(word ?? "")).join(" · "),
      tooltip: shown(entry.about || entry.excerpt, 1000),
      icon: "note",
      command: { id: "agentos.memory.open", words: [entry.path, entry.line] },
    })),
  }));
}

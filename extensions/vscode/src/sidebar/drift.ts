import type { SyncStatus } from "../hub/answers";
import type { Hub } from "../hub/hub";
import { shown } from "../text";
import { toView, type Node } from "./node";

type Client = SyncStatus["clients"][number];

/** Shows which clients' files are not as the AgentOS home says. */
export async function driftNodes(hub: Hub): Promise<Node[]> {
  const { clients } = await hub.get<SyncStatus>("/api/v1/sync/status");
  return clients.map((client) => ({
    id: `client:${client.client}`,
    label: shown(client.client),
    command: toView("sync"),
    ...said(client),
  }));
}

function said(client: Client): Pick<Node, "description" | "icon" | "color" | "context"> {
  if (client.installed === false) return { description: "not installed", icon: "circle-slash" };
  if (client.state === "in_sync") return { description: "in step", icon: "pass", color: "testing.iconPassed" };
  if (client.state === "conflict") {
    return { description: `${client.conflicts ?? client.drift} conflicts`, icon: "error", color: "list.errorForeground", context: "drifted" };
  }
  if (client.state === "drift") {
    return { description: `${client.drift} differ`, icon: "warning", color: "list.warningForeground", context: "drifted" };
  }
  return { description: shown(client.state), icon: "question" };
}

/** How many clients have drifted. */
export function drifted(nodes: Node[]): number {
  return nodes.filter((node) => node.context === "drifted").length;
}

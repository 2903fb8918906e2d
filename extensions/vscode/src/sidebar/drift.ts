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

function said(client: Client): Pick<Node, "description" | "tooltip" | "icon" | "color" | "context"> {
  if (!client.installed) return { description: "not installed", icon: "circle-slash" };
  if (client.state === "in_sync") return { description: "in step", icon: "pass", color: "testing.iconPassed" };
  if (client.state === "error") {
    const why = shown(client.error?.message ?? "", 500);
    return { description: "cannot be read", tooltip: why, icon: "error", color: "list.errorForeground" };
  }
  const differ = `${client.drift} differ`;
  if (client.state === "drift") {
    return { description: differ, icon: "warning", color: "list.warningForeground", context: "drifted" };
  }
  const conflicts = `${client.conflicts} in conflict`;
  return { description: conflicts, tooltip: `${differ}, ${conflicts}`, icon: "error", color: "list.errorForeground", context: "drifted" };
}

/** How many clients have drifted. */
export function drifted(nodes: Node[]): number {
  return nodes.filter((node) => node.context === "drifted").length;
}

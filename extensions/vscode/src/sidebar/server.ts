import type { HubState } from "../hub/answers";
import type { Hub } from "../hub/hub";
import { shown } from "../text";
import { toView, type Node } from "./node";

/** Shows the hub's process, its home and what it was asked. */
export async function serverNodes(hub: Hub): Promise<Node[]> {
  const [state, running] = await Promise.all([hub.get<HubState>("/api/v1/hub"), hub.find()]);
  const nodes: Node[] = [
    {
      id: "hub",
      label: `Hub ${shown(state.version)}`,
      description: running?.url ?? "",
      tooltip: `Process ${state.pid}, since ${new Date(state.started).toLocaleString()}, ${Math.round(state.memory_bytes / 1e6)} MB`,
      icon: "vm-running",
      color: "testing.iconPassed",
      context: "hub",
      command: toView("now"),
    },
    {
      id: "requests",
      label: `${state.requests.toLocaleString()} requests`,
      ...(state.errors > 0 && { description: `${state.errors.toLocaleString()} failed` }),
      icon: "pulse",
      command: toView("log"),
    },
  ];
  if (state.active_project !== null) {
    nodes.push({ id: "project", label: shown(state.active_project), description: "active project", icon: "root-folder" });
  }
  nodes.push(
    state.home_found
      ? { id: "home", label: "Home", description: shown(state.home), icon: "home", command: toView("settings") }
      : {
          id: "home",
          label: "There is no AgentOS home",
          description: shown(state.home),
          tooltip: "`agentos init` makes one",
          icon: "warning",
          color: "list.warningForeground",
        },
  );
  return nodes;
}

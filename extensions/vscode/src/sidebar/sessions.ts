import type { Session, SessionList, SessionPhase } from "../hub/answers";
import type { Hub } from "../hub/hub";
import { money, shown } from "../text";
import { toView, type Node } from "./node";

const ICONS: Record<SessionPhase, [string, string?]> = {
  starting: ["loading~spin"],
  running: ["sync~spin", "charts.blue"],
  waiting: ["bell-dot", "list.warningForeground"],
  idle: ["comment-discussion", "testing.iconPassed"],
  ended: ["pass"],
  interrupted: ["debug-disconnect", "list.warningForeground"],
  failed: ["error", "list.errorForeground"],
};
const MOST = 50;

/** Shows sessions, those that are live first; one opens in the dashboard. */
export async function sessionNodes(hub: Hub): Promise<Node[]> {
  const { sessions } = await hub.get<SessionList>(`/api/v1/sessions?limit=${MOST}`);
  return sessions.map(sessionNode);
}

export function sessionNode(session: Session): Node {
  const [icon, color] = ICONS[session.state] ?? ["circle-outline"];
  const asks = session.permissions.map((one) => `Asks: ${shown(one.title, 300)}`);
  const model = session.model === null ? "" : ` · ${shown(session.model)}`;
  const cost = session.cost === null ? "cost not known" : money(Number(session.cost.amount), session.cost.currency);
  return {
    id: `session:${session.id}`,
    label: shown(session.title) || "Without a prompt",
    description: session.state === "waiting" ? "waits for you" : session.state,
    tooltip: [`${shown(session.agent)}${model} · ${cost}`, ...asks, shown(session.last_line)].filter(Boolean).join("\n"),
    icon,
    ...(color !== undefined && { color }),
    context: session.live ? "session.live" : "session",
    command: toView("session", session.id),
  };
}

/** How many sessions wait for an answer. */
export function waitingSessions(nodes: Node[]): number {
  return nodes.filter((node) => node.icon === ICONS.waiting[0]).length;
}

import type { PageList, ProposalList } from "../hub/answers";
import type { Hub } from "../hub/hub";
import { shown } from "../text";
import { toView, type Node } from "./node";

/** Shows the proposals that wait, and the pages; a page opens in the editor. */
export async function portfolioNodes(hub: Hub): Promise<Node[]> {
  const [{ pages }, { proposals }] = await Promise.all([
    hub.get<PageList>("/api/v1/portfolio/pages?limit=100"),
    hub.get<ProposalList>("/api/v1/portfolio/proposals?limit=100"),
  ]);
  const nodes: Node[] = pages.map((page) => ({
    id: `page:${page.name}`,
    label: shown(page.title || page.name),
    description: page.stale ? "stale" : (page.updated ?? ""),
    tooltip: shown(page.scope ?? page.name, 500),
    icon: page.stale ? "warning" : "file",
    command: { id: "agentos.page.open", words: [page.name] },
  }));
  if (proposals.length === 0) return nodes;
  const waiting: Node = {
    id: "inbox",
    label: "Inbox",
    description: `${proposals.length} wait`,
    icon: "inbox",
    children: proposals.map((one) => ({
      id: `proposal:${one.id}`,
      label: `${one.creates ? "New: " : ""}${shown(one.name)}`,
      description: shown(one.client),
      tooltip: shown(one.reason, 1000) || "No reason was given.",
      icon: "git-pull-request",
      command: toView("inbox", one.id),
    })),
  };
  return [waiting, ...nodes];
}

/** How many proposals wait. */
export function waitingProposals(nodes: Node[]): number {
  return nodes.find((node) => node.id === "inbox")?.children?.length ?? 0;
}

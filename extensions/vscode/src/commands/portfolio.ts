import { basename, join } from "node:path";
import * as vscode from "vscode";
import type { HubState, PageList } from "../hub/answers";
import type { Hub } from "../hub/hub";
import { shown } from "../text";

/** Opens a page of the portfolio as the file that it is; without a name, asks which. */
export async function openPage(hub: Hub, name?: string): Promise<void> {
  const wanted = name ?? (await chosen(hub));
  if (wanted === undefined) return;
  if (basename(wanted) !== wanted) throw new Error(`${wanted} is no page's name`);
  const { home } = await hub.get<HubState>("/api/v1/hub");
  await vscode.window.showTextDocument(vscode.Uri.file(join(home, "context-portfolio", `${wanted}.md`)));
}

async function chosen(hub: Hub): Promise<string | undefined> {
  const { pages } = await hub.get<PageList>("/api/v1/portfolio/pages?limit=100");
  const items = pages.map((page) => ({ label: shown(page.title || page.name), description: page.name, name: page.name }));
  return (await vscode.window.showQuickPick(items, { title: "Which page?" }))?.name;
}

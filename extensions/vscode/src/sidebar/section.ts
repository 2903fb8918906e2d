import * as vscode from "vscode";
import { HubOff, Refused, type Hub } from "../hub/hub";
import { ProgramAbsent } from "../hub/program";
import { reason } from "../text";
import type { Node } from "./node";

/** Reads what a section shows. */
export type Load = (hub: Hub) => Promise<Node[]>;

/**
 * One view of the sidebar.
 *
 * The editor hides it while the hub has no such route: its `when` asks for `agentos.has.NAME`.
 */
export class Section implements vscode.TreeDataProvider<Node>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: vscode.TreeView<Node>;
  private nodes: Node[] = [];
  private loading: Promise<void> | null = null;
  private again = false;

  constructor(
    private readonly name: string,
    private readonly hub: Hub,
    private readonly load: Load,
    private readonly badge: (nodes: Node[]) => vscode.ViewBadge | undefined = () => undefined,
  ) {
    this.view = vscode.window.createTreeView(`agentos.${name}`, { treeDataProvider: this, showCollapseAll: false });
  }

  /** Reads it anew; while that is under way, once more afterwards. */
  refresh(): Promise<void> {
    if (this.loading !== null) {
      this.again = true;
      return this.loading;
    }
    this.loading = this.read().finally(() => {
      this.loading = null;
    });
    return this.loading;
  }

  getChildren(node?: Node): Node[] {
    return node === undefined ? this.nodes : (node.children ?? []);
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const states = vscode.TreeItemCollapsibleState;
    const open = node.collapsed ? states.Collapsed : states.Expanded;
    const item = new vscode.TreeItem(node.label, node.children ? open : states.None);
    item.id = node.id;
    item.tooltip = node.tooltip ?? node.label;
    // A reader is told what stands there, not what a pointer would bring up.
    item.accessibilityInformation = { label: [node.label, node.description].filter(Boolean).join(", ") };
    if (node.description !== undefined) item.description = node.description;
    if (node.context !== undefined) item.contextValue = node.context;
    if (node.icon !== undefined) {
      item.iconPath = new vscode.ThemeIcon(node.icon, node.color ? new vscode.ThemeColor(node.color) : undefined);
    }
    if (node.command) item.command = { command: node.command.id, title: node.label, arguments: node.command.words };
    return item;
  }

  dispose(): void {
    this.view.dispose();
    this.changed.dispose();
  }

  private async read(): Promise<void> {
    do {
      this.again = false;
      const nodes = await this.found();
      this.nodes = nodes ?? [];
      this.view.badge = this.badge(this.nodes);
      await vscode.commands.executeCommand("setContext", `agentos.has.${this.name}`, nodes !== null);
      this.changed.fire();
    } while (this.again);
  }

  /** What is to be shown; null for nothing at all. */
  private async found(): Promise<Node[] | null> {
    try {
      return await this.load(this.hub);
    } catch (error) {
      // The first section says what to do about it, in place of its lines.
      if (error instanceof HubOff || error instanceof ProgramAbsent) return null;
      if (error instanceof Refused && error.unknownRoute) return null;
      const label = reason(error);
      return [{ id: "problem", label, icon: "warning", color: "list.warningForeground", command: { id: "agentos.refresh", words: [] } }];
    }
  }
}

import { readFile } from "node:fs/promises";
import * as vscode from "vscode";
import type { Hub } from "../hub/hub";
import { reason } from "../text";
import type { ToPage } from "./messages";
import { pageOf } from "./page";
import { fromPage, Relay } from "./relay";
import { save } from "./save";

const KIND = "agentos.dashboard";

/** The dashboard in an editor tab; there is one at most. */
export class Dashboard implements vscode.Disposable, vscode.WebviewPanelSerializer {
  private panel: vscode.WebviewPanel | null = null;
  private readonly serializer: vscode.Disposable;

  constructor(
    private readonly extension: vscode.Uri,
    private readonly hub: Hub,
  ) {
    this.serializer = vscode.window.registerWebviewPanelSerializer(KIND, this);
  }

  /** Shows a view, such as `["session", id]`; without one, what was shown last. */
  async open(path?: string[]): Promise<void> {
    const place = path && `#/${path.map(encodeURIComponent).join("/")}`;
    if (this.panel === null) {
      const panel = vscode.window.createWebviewPanel(KIND, "AgentOS", vscode.ViewColumn.Active, {
        ...this.options(),
        // What was typed into it stays while another tab is looked at.
        retainContextWhenHidden: true,
      });
      await this.fill(panel, place ?? "#/now");
      return;
    }
    this.panel.reveal();
    if (place) tell(this.panel, { kind: "go", place });
  }

  /** Brings the tab back after the window was loaded again; the page itself remembers its place. */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    panel.webview.options = this.options();
    await this.fill(panel, "");
  }

  dispose(): void {
    this.serializer.dispose();
    this.panel?.dispose();
  }

  private options(): vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [vscode.Uri.joinPath(this.extension, "dist")] };
  }

  private async fill(panel: vscode.WebviewPanel, begin: string): Promise<void> {
    this.panel?.dispose();
    this.panel = panel;
    const relay = new Relay(this.hub, (said) => tell(panel, said));
    panel.iconPath = vscode.Uri.joinPath(this.extension, "media", "icon.png");
    panel.webview.onDidReceiveMessage(async (said: unknown) => {
      const message = fromPage(said);
      if (message?.kind === "save") await save(message.name, message.text);
      else if (message) await relay.take(message);
    });
    panel.onDidDispose(() => {
      relay.end();
      if (this.panel === panel) this.panel = null;
    });
    panel.webview.html = await this.html(panel.webview, begin);
  }

  private async html(webview: vscode.Webview, begin: string): Promise<string> {
    const at = (...path: string[]) => vscode.Uri.joinPath(this.extension, "dist", ...path);
    const index = await readFile(at("dashboard", "index.html").fsPath, "utf8");
    const [dashboard, added] = [at("dashboard"), at("page")].map((uri) => webview.asWebviewUri(uri).toString());
    return pageOf(index, { dashboard: dashboard!, added: added!, source: webview.cspSource }, begin);
  }
}

function tell(panel: vscode.WebviewPanel, said: ToPage): void {
  panel.webview.postMessage(said).then(undefined, (error: unknown) => {
    void vscode.window.showErrorMessage(`The dashboard was not told: ${reason(error)}`);
  });
}

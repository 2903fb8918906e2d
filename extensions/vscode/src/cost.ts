import * as vscode from "vscode";
import type { Sums } from "./hub/answers";
import { HubOff, type Hub } from "./hub/hub";
import { ProgramAbsent } from "./hub/program";
import { money, reason } from "./text";

/** Today's cost in the status bar; with the hub off, that. */
export class Cost implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("agentos.cost", vscode.StatusBarAlignment.Right, 90);

  constructor(private readonly hub: Hub) {
    this.item.name = "AgentOS: today's cost";
  }

  /** Reads it anew. */
  async refresh(): Promise<void> {
    if (!vscode.workspace.getConfiguration("agentos").get("statusBar.cost", true)) return this.item.hide();
    try {
      const query = new URLSearchParams({ period: "today", by: "day", tz: Intl.DateTimeFormat().resolvedOptions().timeZone });
      const sums = await this.hub.get<Sums>(`/api/v1/usage?${query}`);
      this.show(...words(sums), "agentos.dashboard.view", [["usage"]]);
    } catch (error) {
      if (error instanceof HubOff) this.show("off", "The AgentOS hub does not run. Start it.", "agentos.start");
      else if (error instanceof ProgramAbsent) this.show("not found", reason(error), "agentos.settings");
      else this.show("?", reason(error), "agentos.dashboard");
    }
    this.item.show();
  }

  dispose(): void {
    this.item.dispose();
  }

  private show(text: string, tooltip: string, command: string, words: unknown[] = []): void {
    this.item.text = `$(pulse) ${text}`;
    this.item.tooltip = tooltip;
    this.item.accessibilityInformation = { label: `AgentOS: ${text}. ${tooltip}` };
    this.item.command = { command, title: "AgentOS", arguments: words };
  }
}

/** What the status bar says, and what stands behind it. A price that is not known is never zero. */
export function words({ currency, total }: Sums): [text: string, tooltip: string] {
  const calls = `${total.calls.toLocaleString()} model calls today, ${total.tokens.toLocaleString()} tokens`;
  if (total.calls === 0) return [money(0, currency), "No model was called today."];
  if (total.cost === null || total.unpriced_calls === total.calls) return ["cost not known", `${calls}. The price of none is known.`];
  const amount = money(total.cost, currency);
  if (total.unpriced_calls === 0) return [amount, `${calls}.`];
  return [`≥ ${amount}`, `${calls}. The price of ${total.unpriced_calls.toLocaleString()} is not known.`];
}

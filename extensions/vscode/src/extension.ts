import * as vscode from "vscode";
import { openMemory } from "./commands/memory";
import { openPage } from "./commands/portfolio";
import * as server from "./commands/server";
import { newSession, openSession } from "./commands/sessions";
import * as sync from "./commands/sync";
import { Cost } from "./cost";
import { Dashboard } from "./dashboard/dashboard";
import { Hub } from "./hub/hub";
import { Program } from "./hub/program";
import { Live, type Part } from "./live";
import { drifted, driftNodes } from "./sidebar/drift";
import { memoryNodes } from "./sidebar/memory";
import { portfolioNodes, waitingProposals } from "./sidebar/portfolio";
import { Section } from "./sidebar/section";
import { serverNodes } from "./sidebar/server";
import { sessionNodes, waitingSessions } from "./sidebar/sessions";
import { reason } from "./text";

/** Begins when the editor has started: shows the hub, and follows it. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("AgentOS", { log: true });
  const path = () => vscode.workspace.getConfiguration("agentos").get("path", "agentos");
  const program = new Program(path);
  const hub = new Hub(program, `agentos-vscode/${context.extension.packageJSON.version}`);
  const dashboard = new Dashboard(context.extensionUri, hub);
  const cost = new Cost(hub);
  const sections = {
    server: new Section("server", hub, serverNodes),
    sessions: new Section("sessions", hub, sessionNodes, badge(waitingSessions, "waits for you", "wait for you")),
    portfolio: new Section("portfolio", hub, portfolioNodes, badge(waitingProposals, "proposal waits", "proposals wait")),
    memory: new Section("memory", hub, memoryNodes),
    drift: new Section("drift", hub, driftNodes, badge(drifted, "client has drifted", "clients have drifted")),
  };
  const parts: Record<Part, { refresh(): Promise<void> }> = { ...sections, cost };
  const live = new Live(hub, log, (wanted) => Promise.all(wanted.map((part) => parts[part].refresh())));
  const anew = () => {
    hub.forget();
    live.again();
  };
  const show = (place: string[]) => dashboard.open(place);

  const commands: Record<string, (...words: never[]) => unknown> = {
    "agentos.dashboard": () => dashboard.open(),
    "agentos.dashboard.view": show,
    // The page has seen the key itself; this keeps the editor from waiting for the next one.
    "agentos.dashboard.key": () => undefined,
    "agentos.start": () => server.start(program).finally(anew),
    "agentos.stop": () => server.stop(program).finally(anew),
    "agentos.restart": () => server.restart(program).finally(anew),
    "agentos.refresh": anew,
    "agentos.session.new": () => newSession(hub, show),
    "agentos.session.open": () => openSession(hub, show),
    "agentos.page.open": (name?: string) => openPage(hub, name),
    "agentos.memory.open": openMemory,
    "agentos.sync.push": () => sync.push(program, () => sync.diff(program)).finally(() => live.changed(["drift"])),
    "agentos.sync.check": () => sync.check(program),
    "agentos.settings": () => vscode.commands.executeCommand("workbench.action.openSettings", "@ext:agentos.agentos"),
    "agentos.log": () => log.show(),
  };
  for (const [name, run] of Object.entries(commands)) {
    context.subscriptions.push(vscode.commands.registerCommand(name, told(run, log)));
  }
  context.subscriptions.push(
    ...[log, dashboard, cost, ...Object.values(sections), live],
    vscode.workspace.onDidChangeConfiguration((change) => change.affectsConfiguration("agentos") && anew()),
  );
}

/** A command whose failure the user is told. */
function told(run: (...words: never[]) => unknown, log: vscode.LogOutputChannel): (...words: never[]) => Promise<void> {
  return async (...words) => {
    try {
      await run(...words);
    } catch (error) {
      log.error(error instanceof Error ? error : String(error));
      void vscode.window.showErrorMessage(`AgentOS: ${reason(error)}`);
    }
  };
}

function badge<T>(counted: (nodes: T) => number, one: string, many: string): (nodes: T) => vscode.ViewBadge | undefined {
  return (nodes) => {
    const value = counted(nodes);
    return value === 0 ? undefined : { value, tooltip: `${value} ${value === 1 ? one : many}` };
  };
}

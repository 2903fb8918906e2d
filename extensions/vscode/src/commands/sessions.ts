import * as vscode from "vscode";
import type { Session, SessionList } from "../hub/answers";
import { Refused, type Hub } from "../hub/hub";
import { shown } from "../text";

type Show = (path: string[]) => Promise<void>;

/** What `agentos agents list --json` prints of an agent. */
interface Agent {
  name: string;
  description: string;
  installed: boolean;
}

const NONE = "An empty machine";

/** Asks for an agent, a folder and a prompt, starts a session and shows it. */
export async function newSession(hub: Hub, show: Show): Promise<void> {
  const agent = await chosenAgent(hub);
  if (agent === undefined) return;
  const folder = await chosenFolder();
  if (folder === undefined) return;
  const prompt = await vscode.window.showInputBox({
    title: `New session with ${agent}`,
    prompt: "What it is to do. Left empty, it waits for you.",
    ignoreFocusOut: true,
  });
  if (prompt === undefined) return;
  const said = { agent, permission: "ask", ...(prompt.trim() && { prompt }), ...(folder && { workspace: folder }) };
  const title = `Starting ${agent}`;
  const location = vscode.ProgressLocation.Notification;
  const session = await vscode.window.withProgress({ location, title, cancellable: true }, (_, cancel) => {
    const abort = new AbortController();
    cancel.onCancellationRequested(() => abort.abort());
    return known(hub.post<Session>("/api/v1/sessions", said, abort.signal), abort.signal);
  });
  if (session) await show(["session", session.id]);
}

/** Asks for a session and shows it. */
export async function openSession(hub: Hub, show: Show): Promise<void> {
  const found = await known(hub.get<SessionList>("/api/v1/sessions?limit=100"));
  if (!found) return;
  const items = found.sessions.map((session) => ({
    label: shown(session.title) || "Without a prompt",
    description: `${shown(session.agent)} · ${session.state}`,
    detail: shown(session.last_line),
    id: session.id,
  }));
  if (items.length === 0) {
    void vscode.window.showInformationMessage("There is no session yet.");
    return;
  }
  const chosen = await vscode.window.showQuickPick(items, { title: "Open a session", matchOnDescription: true, matchOnDetail: true });
  if (chosen) await show(["session", chosen.id]);
}

async function chosenAgent(hub: Hub): Promise<string | undefined> {
  const agents = JSON.parse(await hub.program.said(["agents", "list", "--json"])) as Agent[];
  const items = agents
    .sort((a, b) => Number(b.installed) - Number(a.installed))
    .map(({ name, description, installed }) => ({
      label: shown(name),
      description: shown(description),
      ...(!installed && { detail: "Not installed yet: that takes a while" }),
      name,
    }));
  return (await vscode.window.showQuickPick(items, { title: "Which agent?", matchOnDescription: true }))?.name;
}

/** The folder that the machine gets a copy of; empty for none. */
async function chosenFolder(): Promise<string | undefined> {
  const onDisk = (vscode.workspace.workspaceFolders ?? []).filter((folder) => folder.uri.scheme === "file");
  // An agent that reads what a folder says may do as that says.
  if (onDisk.length === 0 || !vscode.workspace.isTrusted) return "";
  const items = onDisk.map((folder) => ({ label: folder.name, description: folder.uri.fsPath, path: folder.uri.fsPath }));
  const title = "Which folder does its machine get a copy of?";
  return (await vscode.window.showQuickPick([...items, { label: NONE, description: "", path: "" }], { title }))?.path;
}

/** The answer; undefined if the user did not wait for it, or the hub has no sessions. */
async function known<T>(answer: Promise<T>, signal?: AbortSignal): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (signal?.aborted) return undefined;
    if (!(error instanceof Refused && error.unknownRoute)) throw error;
    const restart = "Restart the Hub";
    const said = "This hub is older than the extension: it has no sessions. Update AgentOS and restart it.";
    if ((await vscode.window.showWarningMessage(said, restart)) === restart) await vscode.commands.executeCommand("agentos.restart");
    return undefined;
  }
}

import * as vscode from "vscode";
import type { Program } from "../hub/program";
import { lastLine } from "../text";

/** Starts the hub, unless it runs. */
export function start(program: Program): Promise<void> {
  return run(program, "Starting the hub", "up");
}

/** Ends the hub, after asking: the sessions that it holds end with it. */
export async function stop(program: Program): Promise<void> {
  const answer = await vscode.window.showWarningMessage(
    "Stop the AgentOS hub?",
    { modal: true, detail: "Agents and editors lose their tools until it runs again, and the sessions that it holds end." },
    "Stop",
  );
  if (answer === "Stop") await run(program, "Stopping the hub", "down");
}

/** Starts the hub anew; requests under way are answered. */
export function restart(program: Program): Promise<void> {
  return run(program, "Restarting the hub", "restart");
}

async function run(program: Program, title: string, verb: string): Promise<void> {
  const location = vscode.ProgressLocation.Notification;
  const said = await vscode.window.withProgress({ location, title }, () => program.said([verb], 180_000));
  vscode.window.setStatusBarMessage(lastLine(said), 5000);
}

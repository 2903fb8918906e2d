import * as vscode from "vscode";
import { ProgramFailed, lastWords, type Program } from "../hub/program";
import { message } from "../text";

/** A part of what `agentos sync push --json` prints. */
interface Plan {
  in_sync: boolean;
  files: string[];
  conflicts: unknown[];
}

const IN_STEP = 0;
const DRIFTED = 1;

/** Deploys the AgentOS home to the clients, after showing what would change. */
export async function push(program: Program, showDiff: () => Promise<void>): Promise<void> {
  const plan = JSON.parse(await program.said(["sync", "push", "--dry-run", "--json"])) as Plan;
  const files = plan.files.length;
  const conflicts = plan.conflicts.length;
  if (plan.in_sync || (files === 0 && conflicts === 0)) {
    void vscode.window.showInformationMessage("The clients are in step with the AgentOS home.");
    return;
  }
  const left = conflicts === 0 ? "" : ` ${count(conflicts, "conflict")} will be left as they are.`;
  const answer = await vscode.window.showWarningMessage(
    "Push the AgentOS home to the clients?",
    { modal: true, detail: `${count(files, "file")} will be written.${left} \`agentos sync undo\` takes it back.` },
    "Push",
    "Show the Diff",
  );
  if (answer === "Show the Diff") await showDiff();
  if (answer !== "Push") return;
  await program.said(["sync", "push", "--yes", "--json"]);
  void vscode.window.showInformationMessage(`${count(files, "file")} were pushed to the clients.${left.replace("will be", "were")}`);
}

/** Shows what a push would change, as a diff. */
export async function diff(program: Program): Promise<void> {
  const content = await program.said(["sync", "diff"]);
  await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content, language: "diff" }));
}

/** Tells whether the clients' files are in step; without a hub as well. */
export async function check(program: Program): Promise<void> {
  const { code, stdout, stderr } = await program.run(["sync", "check"]);
  if (code === IN_STEP) {
    void vscode.window.showInformationMessage("The clients are in step with the AgentOS home.");
    return;
  }
  if (code !== DRIFTED) throw new ProgramFailed(lastWords(stderr) || `agentos sync check ended with ${code}`);
  const first = stdout.trim().split("\n")[0] ?? "";
  const answer = await vscode.window.showWarningMessage(`The clients have drifted: ${message(first)}`, "Show the Diff", "Push");
  if (answer === "Show the Diff") await diff(program);
  else if (answer === "Push") await vscode.commands.executeCommand("agentos.sync.push");
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

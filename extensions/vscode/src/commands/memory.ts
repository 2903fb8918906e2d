import * as vscode from "vscode";

/** Opens the file that a memory is in, at its line. */
export async function openMemory(path: string, line: number): Promise<void> {
  const at = new vscode.Position(Math.max(line - 1, 0), 0);
  await vscode.window.showTextDocument(vscode.Uri.file(path), { selection: new vscode.Range(at, at) });
}

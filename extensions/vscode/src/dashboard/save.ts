import * as vscode from "vscode";

/** Has the user say where a file that the page made is to be, and writes it there. */
export async function save(name: string, text: string): Promise<void> {
  const plain = name.replace(/[^\w.-]+/g, "_").replace(/^\.+/, "") || "agentos.txt";
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const target = await vscode.window.showSaveDialog(folder ? { defaultUri: vscode.Uri.joinPath(folder, plain) } : {});
  if (target) await vscode.workspace.fs.writeFile(target, Buffer.from(text, "utf8"));
}

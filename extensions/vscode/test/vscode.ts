// The editor's API as far as the extension uses it: what it shows is kept, and answers are given.
import { mock } from "node:test";

export class EventEmitter<T> {
  private readonly listeners = new Set<(value: T) => void>();
  readonly event = (listener: (value: T) => void) => {
    this.listeners.add(listener);
    return { dispose: () => this.listeners.delete(listener) };
  };
  fire(value: T): void {
    for (const listener of this.listeners) listener(value);
  }
  dispose(): void {
    this.listeners.clear();
  }
}

export class ThemeColor {
  constructor(readonly id: string) {}
}

export class ThemeIcon {
  constructor(
    readonly id: string,
    readonly color?: ThemeColor,
  ) {}
}

export class TreeItem {
  constructor(
    readonly label: string,
    readonly collapsibleState: number,
  ) {}
}

export class Uri {
  private constructor(
    readonly scheme: string,
    readonly fsPath: string,
  ) {}
  static file(path: string): Uri {
    return new Uri("file", path);
  }
}

export const TreeItemCollapsibleState = { None: 0, Collapsed: 1, Expanded: 2 };
export const StatusBarAlignment = { Left: 1, Right: 2 };
export const ProgressLocation = { Notification: 15 };
export const ViewColumn = { Active: -1 };

/** Everything the editor was told, and what the user answers. */
export const seen = {
  context: new Map<string, unknown>(),
  settings: new Map<string, unknown>(),
  views: new Map<string, { badge?: { value: number } | undefined }>(),
  statusBar: null as null | { text: string; tooltip: string; command: { command: string; arguments: unknown[] }; visible: boolean },
  messages: [] as string[],
  documents: [] as unknown[],
  commands: [] as unknown[][],
  /** The answers to come, in order: a button, the label of an item, or what is typed. */
  answers: [] as (string | undefined)[],
};

export function forget(): void {
  for (const map of [seen.context, seen.settings, seen.views]) map.clear();
  for (const list of [seen.messages, seen.documents, seen.commands, seen.answers]) list.length = 0;
  seen.statusBar = null;
  workspace.workspaceFolders = undefined;
  workspace.isTrusted = true;
}

async function tell(said: string, ...more: unknown[]): Promise<string | undefined> {
  const options = more[0];
  const detail = typeof options === "object" && options !== null ? (options as { detail?: string }).detail : undefined;
  seen.messages.push(detail ? `${said} ${detail}` : said);
  return seen.answers.shift();
}

export const commands = {
  executeCommand: async (name: string, ...words: unknown[]) => {
    if (name === "setContext") seen.context.set(words[0] as string, words[1]);
    else seen.commands.push([name, ...words]);
  },
};

const never = { isCancellationRequested: false, onCancellationRequested: () => ({ dispose: () => undefined }) };

export const window = {
  state: { focused: true },
  createTreeView: (id: string) => {
    const view = { badge: undefined, dispose: () => undefined };
    seen.views.set(id, view);
    return view;
  },
  createStatusBarItem: () => {
    const item = { text: "", tooltip: "", command: { command: "", arguments: [] }, visible: false };
    seen.statusBar = item;
    return Object.assign(item, {
      show: () => void (item.visible = true),
      hide: () => void (item.visible = false),
      dispose: () => undefined,
    });
  },
  showInformationMessage: tell,
  showWarningMessage: tell,
  showErrorMessage: tell,
  setStatusBarMessage: (said: string) => void seen.messages.push(said),
  showInputBox: async () => seen.answers.shift(),
  showQuickPick: async <T extends { label: string }>(items: T[]) => {
    const label = seen.answers.shift();
    return items.find((item) => item.label === label);
  },
  showTextDocument: async (document: unknown) => void seen.documents.push(document),
  withProgress: (_: unknown, run: (progress: unknown, cancel: unknown) => Promise<unknown>) => run({}, never),
};

export const workspace = {
  isTrusted: true,
  workspaceFolders: undefined as { name: string; uri: Uri }[] | undefined,
  getConfiguration: () => ({ get: (name: string, other: unknown) => seen.settings.get(name) ?? other }),
  openTextDocument: async (document: unknown) => document,
};

/** A log that keeps nothing. */
export const log = { info: mock.fn(), error: mock.fn() };

import type { PermissionOption } from "./session";

/** What the transcript shows: pieces of one message are one item, and so are a call and its end. */
export type Item = Prompt | Saying | Command | Edit | Call | Plan | Question | Note | TurnEnd;

interface Common {
  key: string;
  at: number;
}
export interface Prompt extends Common {
  kind: "prompt";
  text: string;
}
export interface Saying extends Common {
  kind: "message" | "thought";
  text: string;
}
type Status = "asked" | "in_progress" | "completed" | "failed";
export interface Command extends Common {
  kind: "command";
  command: string;
  directory: string;
  output: string;
  exitCode: number | null;
  status: Status;
}
export interface FileEdit {
  path: string;
  before: string | null;
  after: string | null;
}
export interface Edit extends Common {
  kind: "edit";
  title: string;
  edits: FileEdit[];
  status: Status;
}
export interface Call extends Common {
  kind: "call";
  title: string;
  input: string;
  output: string;
  status: Status;
}
export interface Plan extends Common {
  kind: "plan";
  steps: { text: string; status: string }[];
}
export interface Question extends Common {
  kind: "question";
  id: string;
  /** The call that it is about, as it is named here. */
  call: string;
  title: string;
  options: PermissionOption[];
  /** The option that was chosen; null where it was called off, undefined while it waits. */
  answer: string | null | undefined;
  reason: string;
}
export interface Note extends Common {
  kind: "note";
  tone: "quiet" | "warn" | "bad";
  text: string;
  hint: string;
}
export interface TurnEnd extends Common {
  kind: "end";
  turn: number;
  why: string;
  seconds: number | null;
  input: number;
  cached: number;
  output: number;
}

/** What a filter is looked for in. */
export function words(item: Item): string {
  switch (item.kind) {
    case "command":
      return `${item.command}\n${item.output}`;
    case "edit":
      return [item.title, ...item.edits.flatMap(({ path, before, after }) => [path, before ?? "", after ?? ""])].join("\n");
    case "call":
      return `${item.title}\n${item.input}\n${item.output}`;
    case "plan":
      return item.steps.map((step) => step.text).join("\n");
    case "question":
      return item.title;
    case "note":
      return `${item.text}\n${item.hint}`;
    case "end":
      return item.why;
    default:
      return item.text;
  }
}

/** What the page in the webview and the extension tell each other. */

/** A request of the page, which has no way to the hub of its own. */
export interface Ask {
  kind: "ask";
  id: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

export type FromPage =
  /** The page begins: whatever it asked before is of no use. */
  | { kind: "begin" }
  | Ask
  /** The answer is not wanted any more. */
  | { kind: "leave"; id: string }
  /** A file that the page made, to be put where the user says. */
  | { kind: "save"; name: string; text: string };

export type ToPage =
  | { kind: "answer"; id: string; status: number; headers: Record<string, string> }
  | { kind: "piece"; id: string; bytes: Uint8Array }
  | { kind: "end"; id: string }
  | { kind: "failed"; id: string; why: string }
  /** Show a place of the page, as `#/session/ID`. */
  | { kind: "go"; place: string };

/** What happens in a session, as the hub tells it. */
export interface SessionEvent {
  seq: number;
  session_id: string;
  at: number;
  type: string;
  data: Record<string, unknown>;
}

export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
export const text = (value: unknown): string => (typeof value === "string" ? value : "");
export const number = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
export const list = (value: unknown): Record<string, unknown>[] => (Array.isArray(value) ? value.filter(isRecord) : []);

/** The text of content blocks, and a word for those that are none. */
export function said(content: unknown): string {
  if (Array.isArray(content)) return content.map(said).join("");
  if (!isRecord(content)) return text(content);
  if (content["type"] === "content") return said(content["content"]);
  if (content["type"] === "text") return text(content["text"]);
  return typeof content["type"] === "string" ? `[${content["type"]}]` : "";
}

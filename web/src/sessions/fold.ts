import { isRecord, list, number, said, text, type SessionEvent } from "./events";
import type { Item } from "./items";

/** The longest text that is shown of one command or message; the export has all of it. */
const LONGEST = 200_000;

/**
 * Folds events into the items of a transcript.
 *
 * Items are never changed: one that goes on is replaced, so that only it is drawn again.
 */
export class Fold {
  items: Item[] = [];
  private readonly at = new Map<string, number>();
  private started: number | null = null;
  private turn = 0;

  /** Take events that follow those taken before; returns the items as they are then. */
  take(events: SessionEvent[]): Item[] {
    this.items = this.items.slice();
    for (const event of events) this.one(event);
    return this.items;
  }

  private one({ seq, at, type, data }: SessionEvent): void {
    const make = { key: `${seq}`, at };
    switch (type) {
      case "turn_started":
        this.started = at;
        this.turn = number(data["turn"]) ?? 0;
        return this.add({ ...make, kind: "prompt", text: said(data["prompt"]) });
      case "turn_ended":
        return this.end(make, data);
      case "agent_message_chunk":
        return this.say(make, "message", data);
      case "agent_thought_chunk":
        return this.say(make, "thought", data);
      case "tool_call":
      case "tool_call_update":
        return this.call(make, data);
      case "plan":
        return this.plan(make, data);
      case "permission_requested":
        return this.ask(make, data);
      case "permission_resolved":
        return this.answer(data);
      case "warning":
        return this.add({ ...make, kind: "note", tone: "warn", text: text(data["message"]), hint: "" });
      case "tool_failed":
      case "tool_progress":
        return this.note(make, type === "tool_failed" ? "warn" : "quiet", data);
      case "budget_exceeded":
        return this.note(make, "bad", { message: "A budget is used up.", ...data });
      case "agent_started":
        return this.agentStarted(make, data);
      case "agent_exited":
        return this.agentExited(make, data);
    }
  }

  private add(item: Item, name: string = item.key): void {
    this.at.set(name, this.items.length);
    this.items.push(item);
  }

  private change(name: string, how: (old: Item) => Item): void {
    const place = this.at.get(name);
    const old = place === undefined ? undefined : this.items[place];
    if (place !== undefined && old) this.items[place] = how(old);
  }

  private say(make: { key: string; at: number }, kind: "message" | "thought", data: Record<string, unknown>): void {
    const piece = said(data["content"]);
    const last = this.items.at(-1);
    const name = `${kind} ${text(data["messageId"])}`;
    const goesOn = data["messageId"] === undefined ? last?.kind === kind : this.at.get(name) === this.items.length - 1;
    if (goesOn && last?.kind === kind) this.items[this.items.length - 1] = { ...last, text: bounded(last.text + piece) };
    else this.add({ ...make, kind, text: bounded(piece) }, name);
  }

  private call(make: { key: string; at: number }, data: Record<string, unknown>): void {
    const name = this.named(data["toolCallId"]);
    if (!this.at.has(name)) this.add(begun(make, data), name);
    this.change(name, (old) => gone(old, data));
  }

  /** A plan replaces the one before it in its turn, and moves to where it was changed. */
  private plan(make: { key: string; at: number }, data: Record<string, unknown>): void {
    const steps = list(data["entries"]).map((step) => ({ text: text(step["content"]), status: text(step["status"]) }));
    const name = `plan ${this.turn}`;
    if (this.at.get(name) === this.items.length - 1) return this.change(name, (old) => (old.kind === "plan" ? { ...old, steps } : old));
    this.change(name, (old) => ({ key: old.key, at: old.at, kind: "note", tone: "quiet", text: "The plan was changed; it is below.", hint: "" }));
    this.add({ ...make, kind: "plan", steps }, name);
  }

  private ask(make: { key: string; at: number }, data: Record<string, unknown>): void {
    const call = isRecord(data["tool_call"]) ? data["tool_call"] : {};
    const id = text(data["request_id"]);
    const options = list(data["options"]).map((one) => ({ id: text(one["id"]), name: text(one["name"]), kind: text(one["kind"]) }));
    const about = this.named(call["toolCallId"]);
    this.add({ ...make, kind: "question", id, call: about, title: text(call["title"]), options, answer: undefined, reason: "" }, `ask ${id}`);
    this.change(about, (old) => withStatus(old, "asked"));
  }

  private answer(data: Record<string, unknown>): void {
    const answer = typeof data["option"] === "string" ? data["option"] : null;
    this.change(`ask ${text(data["request_id"])}`, (old) => {
      if (old.kind !== "question") return old;
      this.change(old.call, (call) => withStatus(call, "in_progress"));
      return { ...old, answer, reason: text(data["reason"]) };
    });
  }

  private named(call: unknown): string {
    return `call ${this.turn} ${text(call)}`;
  }

  private end(make: { key: string; at: number }, data: Record<string, unknown>): void {
    if (isRecord(data["error"])) this.note(make, "bad", data["error"]);
    const usage = isRecord(data["usage"]) ? data["usage"] : {};
    const of = (name: string) => number(usage[name]) ?? 0;
    this.add({
      ...make,
      key: `${make.key} end`,
      kind: "end",
      turn: number(data["turn"]) ?? this.turn,
      why: text(data["stop_reason"]),
      seconds: this.started === null ? null : make.at - this.started,
      input: of("input_tokens"),
      cached: of("cached_input_tokens"),
      output: of("output_tokens"),
    });
    this.started = null;
  }

  private agentStarted(make: { key: string; at: number }, data: Record<string, unknown>): void {
    const resumed = isRecord(data["resumed"]) ? data["resumed"] : null;
    if (!resumed) return this.add({ ...make, kind: "note", tone: "quiet", text: `${text(data["agent"])} is ready.`, hint: "" });
    const lost = Array.isArray(resumed["lost"]) ? resumed["lost"].filter((one) => typeof one === "string") : [];
    const how = resumed["how"] === "agent" ? "took the session up again" : "was told what was said before";
    this.add({ ...make, kind: "note", tone: "quiet", text: `${text(data["agent"])} ${how}.`, hint: lost.length ? `Lost: ${lost.join(", ")}` : "" });
  }

  private agentExited(make: { key: string; at: number }, data: Record<string, unknown>): void {
    const reason = text(data["reason"]);
    const crashed = reason === "crashed";
    const error = isRecord(data["error"]) ? data["error"] : {};
    const hint = [text(error["message"]), text(data["stderr_tail"])].filter(Boolean).join("\n");
    this.add({ ...make, kind: "note", tone: crashed ? "bad" : "quiet", text: `The agent's process ended (${reason || "unknown"}).`, hint: crashed ? hint : "" });
  }

  private note(make: { key: string; at: number }, tone: "quiet" | "warn" | "bad", data: Record<string, unknown>): void {
    const message = text(data["message"]) || [text(data["tool"]), text(data["error"])].filter(Boolean).join(": ");
    this.add({ ...make, kind: "note", tone, text: message, hint: text(data["hint"]) });
  }
}

/** A call that has not ended waits for an answer, or goes on. */
const withStatus = (item: Item, status: "asked" | "in_progress"): Item =>
  "status" in item && (item.status === "asked" || item.status === "in_progress") ? { ...item, status } : item;

const bounded = (all: string) => (all.length <= LONGEST ? all : `…${all.slice(-LONGEST)}`);

function begun(make: { key: string; at: number }, data: Record<string, unknown>): Item {
  const title = text(data["title"]) || text(data["toolCallId"]);
  const input = isRecord(data["rawInput"]) ? data["rawInput"] : {};
  const command = text(data["command"]);
  if (command !== "" || data["kind"] === "execute" || "exit_code" in data)
    return { ...make, kind: "command", command: command || title, directory: text(input["cwd"]), output: "", exitCode: null, status: "in_progress" };
  if (data["kind"] === "edit" || "edits" in data) return { ...make, kind: "edit", title, edits: proposed(input), status: "in_progress" };
  const asked = Object.keys(input).length ? JSON.stringify(input, null, 2) : "";
  return { ...make, kind: "call", title, input: bounded(asked), output: "", status: "in_progress" };
}

/** What an edit would do, as far as it is told before it is done. */
function proposed(input: Record<string, unknown>): { path: string; before: string | null; after: string | null }[] {
  return list(input["changes"]).map((change) => {
    const added = isRecord(change["kind"]) && change["kind"]["type"] === "add";
    return { path: text(change["path"]), before: null, after: added ? text(change["diff"]) : null };
  });
}

/** An item as an update leaves it. */
function gone(old: Item, data: Record<string, unknown>): Item {
  const told = data["status"];
  const status = told === "completed" || told === "failed" ? told : undefined;
  if (old.kind === "command") {
    const output = "full_output" in data ? text(data["full_output"]) : old.output + text(data["output"]);
    return { ...old, output: bounded(output), exitCode: number(data["exit_code"]) ?? old.exitCode, status: status ?? old.status };
  }
  if (old.kind === "edit") {
    const edits = list(data["edits"]).map((edit) => ({
      path: text(edit["path"]),
      before: typeof edit["old_text"] === "string" ? edit["old_text"] : null,
      after: typeof edit["new_text"] === "string" ? edit["new_text"] : null,
    }));
    return { ...old, edits: edits.length ? edits : old.edits, status: status ?? old.status };
  }
  if (old.kind === "call") return { ...old, output: bounded(said(data["content"]) || old.output), status: status ?? old.status };
  return old;
}

"""What Codex tells of its work, in ACP's words.

An item begins, streams deltas and is completed. Whatever a delta did not bring is sent when the
item is completed, so that the parts make up the whole. Each update keeps Codex's own item in
`_meta.codex`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from agentos.sessions.codex.edits import ReadText, diffs_of
from agentos.sessions.codex.messages import (
    CommandExecutionItem,
    FileChangeItem,
    McpToolCallItem,
    TurnPlanUpdatedNotification,
)

Update = Mapping[str, Any]

_STATUS = {"inProgress": "in_progress", "completed": "completed"}
_SAID = {"agentMessage": "agent_message_chunk", "plan": "agent_message_chunk"}
_THOUGHT = "agent_thought_chunk"
_SILENT = {"userMessage", "hookPrompt", "enteredReviewMode", "exitedReviewMode", "sleep"}


class Items:
    """Follow the items of one thread.

    Args:
        tell: Given each update, in order.
        read: Reads a file of the machine.
    """

    def __init__(self, tell: Callable[[Update], None], read: ReadText) -> None:
        self._tell = tell
        self._read = read
        self._streamed: dict[str, int] = {}
        self._parts: dict[str, int] = {}
        self.calls: dict[str, dict[str, Any]] = {}

    def forget(self) -> None:
        """Let go of what was left open when a turn ended."""
        self._streamed.clear()
        self._parts.clear()
        self.calls.clear()

    def on_text(self, item_id: str, delta: str) -> None:
        """Hear a piece of an answer or a plan."""
        self._count(item_id, delta)
        self._say("agent_message_chunk", item_id, delta)

    def on_thought(self, item_id: str, part: int, delta: str) -> None:
        """Hear a piece of a part of the model's thoughts."""
        self._count(item_id, delta)
        if self._parts.setdefault(item_id, part) != part:
            self._parts[item_id] = part
            delta = f"\n\n{delta}"
        self._say(_THOUGHT, item_id, delta)

    def on_output(self, item_id: str, delta: str) -> None:
        """Hear what a command wrote."""
        self._count(item_id, delta)
        meta = {"terminal_output_delta": {"terminal_id": item_id, "data": delta}}
        self._tell({"sessionUpdate": "tool_call_update", "toolCallId": item_id, "_meta": meta})

    def on_plan(self, plan: TurnPlanUpdatedNotification) -> None:
        """Hear the plan as it is now."""
        entries = [
            {
                "content": step["step"],
                "status": _STATUS.get(step["status"], step["status"]),
                "priority": "medium",
            }
            for step in plan["plan"]
        ]
        self._tell({"sessionUpdate": "plan", "entries": entries})

    def on_started(self, item: Mapping[str, Any]) -> None:
        """Hear that an item begins; what is no message is a tool call."""
        if item["type"] in _SAID or item["type"] in _SILENT or item["type"] == "reasoning":
            return
        call = _call(item)
        self.calls[item["id"]] = call
        self._tell({"sessionUpdate": "tool_call", **call, "_meta": {"codex": item}})

    async def on_completed(self, item: Mapping[str, Any]) -> None:
        """Hear that an item is complete."""
        kind = item["type"]
        streamed = self._streamed.pop(item["id"], 0)
        if kind in _SILENT:
            return
        if kind in _SAID:
            if rest := str(item["text"])[streamed:]:
                self._say(_SAID[kind], item["id"], rest)
        elif kind == "reasoning":
            if not streamed and (parts := [*item.get("summary", []), *item.get("content", [])]):
                self._say(_THOUGHT, item["id"], "\n\n".join(parts))
        else:
            if item["id"] not in self.calls:
                self.on_started(item)
            end = await self._end(item, streamed)
            self._tell({"sessionUpdate": "tool_call_update", "toolCallId": item["id"], **end})
            self.calls.pop(item["id"], None)

    async def _end(self, item: Mapping[str, Any], streamed: int) -> dict[str, Any]:
        end: dict[str, Any] = {"status": "failed", "_meta": {"codex": item}}
        if item.get("status", "completed") == "completed":
            end["status"] = "completed"
        if item["type"] == "commandExecution":
            command = cast("CommandExecutionItem", item)
            output = command.get("aggregatedOutput") or ""
            # The first piece of a quick command's output comes in no delta.
            if missed := output[: max(len(output) - streamed, 0)]:
                end["_meta"]["terminal_output_delta"] = {"terminal_id": item["id"], "data": missed}
            if (code := command.get("exitCode")) is not None:
                end["_meta"]["terminal_exit"] = {"terminal_id": item["id"], "exit_code": code}
            end["rawOutput"] = {"aggregated_output": output}
        elif item["type"] == "fileChange":
            change = cast("FileChangeItem", item)
            if end["status"] == "completed":
                end["content"] = await diffs_of(change["changes"], self._read)
        elif item["type"] == "mcpToolCall":
            call = cast("McpToolCallItem", item)
            end["rawOutput"] = {"result": call.get("result"), "error": call.get("error")}
            end["content"] = _texts(call)
        return end

    def _count(self, item_id: str, delta: str) -> None:
        self._streamed[item_id] = self._streamed.get(item_id, 0) + len(delta)

    def _say(self, kind: str, item_id: str, text: str) -> None:
        content = {"type": "text", "text": text}
        self._tell({"sessionUpdate": kind, "messageId": item_id, "content": content})


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    kind, title, raw = _described(item)
    call = {"toolCallId": item["id"], "title": title, "kind": kind, "status": "in_progress"}
    if raw:
        call["rawInput"] = raw
    if item["type"] == "fileChange":
        call["locations"] = [{"path": change["path"]} for change in item["changes"]]
    return call


def _described(item: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return the kind of a tool call, its title, and its input."""
    match item["type"]:
        case "commandExecution":
            command = _typed(item)
            return "execute", command, {"command": command, "cwd": item["cwd"]}
        case "fileChange":
            paths = ", ".join(change["path"] for change in item["changes"])
            return "edit", f"Edit {paths}", {"changes": item["changes"]}
        case "mcpToolCall":
            raw = {key: item[key] for key in ("server", "tool", "arguments")}
            return "other", f"mcp.{item['server']}.{item['tool']}", raw
        case "webSearch":
            return "search", f"Search the web: {item['query']}", {"query": item["query"]}
        case "imageView":
            return "read", f"View {item['path']}", {"path": item["path"]}
        case "contextCompaction":
            return "think", "Compact conversation", {}
        case "collabAgentToolCall":
            raw = {"tool": item["tool"], "prompt": item.get("prompt")}
            return "other", f"Agent: {item['tool']}", raw
        case other:
            return "other", str(other), {}


def _typed(item: Mapping[str, Any]) -> str:
    """Return a command as the model typed it, without the shell around it."""
    actions = item.get("commandActions") or []
    if len(actions) == 1 and actions[0].get("command"):
        return str(actions[0]["command"])
    import shlex

    try:
        words = shlex.split(item["command"])
    except ValueError:
        return str(item["command"])
    return words[2] if len(words) == 3 and words[1] in ("-c", "-lc") else str(item["command"])


def _texts(call: McpToolCallItem) -> list[dict[str, Any]]:
    """Return what an MCP tool answered, as ACP content."""
    if error := call.get("error"):
        return [{"type": "content", "content": {"type": "text", "text": str(error["message"])}}]
    blocks = (call.get("result") or {}).get("content")
    return [{"type": "content", "content": block} for block in blocks or []]

"""The items of a Responses request as the messages of a Chat request."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

from agentos.models.translation.reasoning import unsealed
from agentos.models.translation.tools import Json, Toolbox, arguments_of, tool_of

_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "tool_search_call")
_OUTPUTS = (*(f"{call}_output" for call in _CALLS), "tool_search_output")
_TEXTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_ABORTED = "The call was aborted: there is no output."


class Conversation:
    """Write messages from items.

    Chat templates are stricter than the Responses API: one system message at the beginning,
    users and assistant by turns, the outputs of calls right after the calls. So instructions in
    the middle become the user's, and what stands between a call and its output comes later.

    Args:
        tools: Knows what tools are called.
        model: Whose reasoning is sent back.

    Attributes:
        messages: The messages so far.
        dropped: The types of what could not be said.
    """

    def __init__(self, tools: Toolbox, model: str) -> None:
        self.messages: list[Json] = []
        self.dropped: list[str] = []
        self._tools = tools
        self._model = model
        self._said: Json = {}
        self._outputs: defaultdict[str, deque[Mapping[str, Any]]] = defaultdict(deque)

    def write(self, instructions: object, items: list[Mapping[str, Any]]) -> None:
        """Write the whole conversation."""
        for item in items:
            if item.get("type") in _OUTPUTS:
                self._outputs[str(item.get("call_id"))].append(item)
        if isinstance(instructions, str) and instructions:
            self._add("system", [_text(instructions)])
        for item in items:
            self._item(item)
        self._end_assistant()
        # An output whose call is not there would be refused.
        self.dropped += [str(o["type"]) for outputs in self._outputs.values() for o in outputs]
        self._give_empty_reasoning()
        for message in self.messages:
            between = "\n" if message["role"] == "tool" else "\n\n"
            message["content"] = _plain(message["content"], between)

    def _item(self, item: Mapping[str, Any]) -> None:
        kind = item.get("type") or "message"
        if kind == "message":
            self._message(item)
        elif kind == "reasoning":
            self._reasoning(item)
        elif kind in _CALLS:
            self._call(item)
        elif kind in _OUTPUTS:
            self._end_assistant()
        elif kind != "additional_tools":
            self.dropped.append(str(kind))

    def _message(self, item: Mapping[str, Any]) -> None:
        parts = self._parts(item.get("content"))
        role = item.get("role")
        if role == "assistant":
            self._assistant()["content"] += parts
            return
        self._end_assistant()
        first = all(message["role"] == "system" for message in self.messages)
        instructs = role in ("developer", "system") and first
        self._add("system" if instructs else "user", parts)

    def _reasoning(self, item: Mapping[str, Any]) -> None:
        reasoning = unsealed(item, self._model)
        if reasoning is None:
            return
        said = self._assistant()
        if reasoning.field:
            said[reasoning.field] = said.get(reasoning.field, "") + reasoning.text
        if reasoning.details:
            said.setdefault("reasoning_details", []).extend(reasoning.details)

    def _call(self, item: Mapping[str, Any]) -> None:
        function = {"name": self._tools.name_of(tool_of(item)), "arguments": arguments_of(item)}
        call = {"id": str(item.get("call_id")), "type": "function", "function": function}
        self._assistant().setdefault("tool_calls", []).append(call)

    def _assistant(self) -> Json:
        if not self._said:
            self._said = {"role": "assistant", "content": []}
        return self._said

    def _end_assistant(self) -> None:
        said, self._said = self._said, {}
        calls = said.get("tool_calls", [])
        if not calls and not said.get("content"):
            return
        self.messages.append(said)
        seen: list[Json] = []
        for call in calls:
            parts = self._output(call["id"])
            texts = [part for part in parts if part["type"] == "text"]
            seen += [part for part in parts if part["type"] != "text"]
            self.messages.append({"role": "tool", "tool_call_id": call["id"], "content": texts})
        if seen:
            # Chat's tools can only answer in words.
            self._add("user", [_text("What the tools returned beside text:"), *seen])

    def _output(self, call_id: str) -> list[Json]:
        waiting = self._outputs[call_id]
        if not waiting:
            return [_text(_ABORTED)]
        item = waiting.popleft()
        if item.get("type") == "tool_search_output":
            return [_text(json.dumps(self._found(item.get("tools"))))]
        return self._parts(item.get("output"))

    def _found(self, tools: object) -> Json:
        box = Toolbox()
        box.offer(tools)
        names = [self._tools.name_of(tool) for tool in box.tools]
        return {"functions_that_can_be_called_now": names}

    def _parts(self, content: object) -> list[Json]:
        if isinstance(content, dict):
            content = content.get("content", content.get("text"))
        if isinstance(content, str):
            return [_text(content)]
        parts = content if isinstance(content, list) else []
        written: list[Json] = []
        for part in parts:
            said = _part(part) if isinstance(part, dict) else None
            if said is not None:
                written.append(said)
            elif isinstance(part, dict):
                self.dropped.append(str(part.get("type")))
        return written

    def _add(self, role: str, parts: list[Json]) -> None:
        last = self.messages[-1] if self.messages else None
        if last is not None and last["role"] == role:
            last["content"] += parts
        else:
            self.messages.append({"role": role, "content": parts})

    def _give_empty_reasoning(self) -> None:
        """DeepSeek refuses a call whose message has no reasoning where others have."""
        if any("reasoning_content" in message for message in self.messages):
            for message in self.messages:
                if message.get("tool_calls"):
                    message.setdefault("reasoning_content", "")


def _part(part: Mapping[str, Any]) -> Json | None:
    """Return a part of a message as Chat has it, or None if it has no such part."""
    kind = part.get("type")
    if kind in _TEXTS:
        return _text(str(part.get("text") or ""))
    if kind == "refusal":
        return _text(str(part.get("refusal") or ""))
    if kind == "input_image" and isinstance(part.get("image_url"), str):
        image = {"url": part["image_url"]}
        if part.get("detail") in ("low", "high"):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_file" and isinstance(part.get("file_data"), str):
        file = {name: part[name] for name in ("filename", "file_data") if part.get(name)}
        return {"type": "file", "file": file}
    if kind == "input_audio":
        return {"type": "input_audio", "input_audio": part.get("input_audio")}
    return None


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def _plain(parts: list[Json], between: str) -> str | list[Json]:
    """Return text as text: not every provider takes a list."""
    if all(part["type"] == "text" for part in parts):
        return between.join(part["text"] for part in parts)
    return parts

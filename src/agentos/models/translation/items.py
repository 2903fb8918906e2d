"""The items of an answer while they grow, and the events that tell of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agentos.models.translation.chunk import Chunk
from agentos.models.translation.freeform import FreeformText, freeform_input
from agentos.models.translation.reasoning import Reasoning, merged
from agentos.models.translation.tools import Json, Tool, ToolKind

Events = Iterator[Json]


@dataclass(eq=False)
class MessageItem:
    """What the model says, or why it does not."""

    id: str
    index: int
    _parts: list[Json] = field(default_factory=list)
    _pieces: list[str] = field(default_factory=list)

    @property
    def item(self) -> Json:
        """The item as it is."""
        about = {"type": "message", "id": self.id, "role": "assistant", "status": "in_progress"}
        return {**about, "content": list(self._parts)}

    def begin(self) -> Events:
        """Begin it."""
        yield _added(self)

    def text(self, piece: str) -> Events:
        """Go on with a text."""
        yield from self._go_on("output_text")
        self._pieces.append(piece)
        yield self._event("output_text.delta", delta=piece, logprobs=[])

    def refusal(self, piece: str) -> Events:
        """Go on with a refusal."""
        yield from self._go_on("refusal")
        self._pieces.append(piece)
        yield self._event("refusal.delta", delta=piece)

    def end(self, status: str) -> Events:
        """End it."""
        yield from self._end_part()
        yield _done(self, self.item | {"status": status})

    def _go_on(self, kind: str) -> Events:
        if self._parts and self._parts[-1]["type"] == kind:
            return
        yield from self._end_part()
        if kind == "refusal":
            part: Json = {"type": kind, "refusal": ""}
        else:
            part = {"type": kind, "text": "", "annotations": [], "logprobs": []}
        self._parts.append(part)
        yield self._event("content_part.added", part=dict(part))

    def _end_part(self) -> Events:
        if not self._parts:
            return
        part, text, self._pieces = self._parts[-1], "".join(self._pieces), []
        if part["type"] == "refusal":
            part["refusal"] = text
            yield self._event("refusal.done", refusal=text)
        else:
            part["text"] = text
            yield self._event("output_text.done", text=text, logprobs=[])
        yield self._event("content_part.done", part=dict(part))

    def _event(self, kind: str, **said: Any) -> Json:
        return _event(self, kind, content_index=len(self._parts) - 1, **said)


@dataclass(eq=False)
class ReasoningItem:
    """What the model thinks before it speaks or acts."""

    id: str
    index: int
    model: str
    seals: bool
    _field: str = ""
    _pieces: list[str] = field(default_factory=list)
    _details: list[Json] = field(default_factory=list)

    @property
    def item(self) -> Json:
        """The item as it is."""
        text = "".join(self._pieces)
        summary = [{"type": "summary_text", "text": text}] if text else []
        sealed = Reasoning(text, self._field, tuple(self._details)).sealed(self.model)
        about: Json = {"type": "reasoning", "id": self.id, "summary": summary}
        return about | {"encrypted_content": sealed if self.seals else None}

    def begin(self) -> Events:
        """Begin it."""
        yield _added(self)

    def add(self, chunk: Chunk) -> Events:
        """Go on thinking."""
        for detail in chunk.details:
            merged(self._details, detail)
        if not chunk.reasoning:
            return
        if not self._pieces:
            self._field = chunk.reasoning_field
            yield self._event("part.added", part={"type": "summary_text", "text": ""})
        self._pieces.append(chunk.reasoning)
        yield self._event("text.delta", delta=chunk.reasoning)

    def end(self, status: str) -> Events:
        """End it."""
        text = "".join(self._pieces)
        if text:
            yield self._event("text.done", text=text)
            yield self._event("part.done", part={"type": "summary_text", "text": text})
        yield _done(self, self.item)

    def _event(self, kind: str, **said: Any) -> Json:
        return _event(self, f"reasoning_summary_{kind}", summary_index=0, **said)


@dataclass(eq=False)
class CallItem:
    """A call of a tool."""

    id: str
    index: int
    call_id: str
    tool: Tool
    _pieces: list[str] = field(default_factory=list)
    _text: FreeformText = field(default_factory=FreeformText)
    _told: int = 0

    @property
    def item(self) -> Json:
        """The item as it is."""
        return self._item("".join(self._pieces), "in_progress")

    def begin(self) -> Events:
        """Begin it."""
        yield _added(self)

    def add(self, arguments: str) -> Events:
        """Go on with the arguments."""
        if not arguments:
            return
        self._pieces.append(arguments)
        if self.tool.kind is ToolKind.FUNCTION:
            yield self._event("function_call_arguments.delta", delta=arguments)
        elif self.tool.kind is ToolKind.CUSTOM and (text := self._text.feed(arguments)):
            self._told += len(text)
            yield self._event("custom_tool_call_input.delta", delta=text)

    def end(self, status: str) -> Events:
        """End it.

        A call that was cut off is not told as done: half a command must not run.
        """
        if status != "completed":
            return
        given = "".join(self._pieces) or "{}"
        if self.tool.kind is ToolKind.FUNCTION:
            said = {"name": self.tool.name, "arguments": given}
            yield self._event("function_call_arguments.done", **said)
        elif self.tool.kind is ToolKind.CUSTOM:
            text = freeform_input(given)
            if not self._told:
                yield self._event("custom_tool_call_input.delta", delta=text)
            yield self._event("custom_tool_call_input.done", input=text)
        yield _done(self, self._item(given, status))

    def _item(self, given: str, status: str) -> Json:
        about: Json = {"id": self.id, "call_id": self.call_id, "status": status}
        named = about | {"name": self.tool.name}
        if self.tool.namespace:
            named["namespace"] = self.tool.namespace
        over = status == "completed"
        match self.tool.kind:
            case ToolKind.CUSTOM:
                text = freeform_input(given) if over else ""
                return {"type": "custom_tool_call", **named, "input": text}
            case ToolKind.SEARCH:
                said = _object(given)
                return {
                    "type": "tool_search_call",
                    **about,
                    "execution": "client",
                    "arguments": said,
                }
            case ToolKind.SHELL:
                action = {"type": "exec", "command": [], "env": {}, **_object(given)}
                return {"type": "local_shell_call", **about, "action": action}
            case _:
                return {"type": "function_call", **named, "arguments": given}

    def _event(self, kind: str, **said: Any) -> Json:
        return _event(self, kind, **said)


Item = MessageItem | ReasoningItem | CallItem


def _added(item: Item) -> Json:
    return {"type": "response.output_item.added", "output_index": item.index, "item": item.item}


def _done(item: Item, over: Json) -> Json:
    return {"type": "response.output_item.done", "output_index": item.index, "item": over}


def _event(item: Item, kind: str, **said: Any) -> Json:
    return {"type": f"response.{kind}", "item_id": item.id, "output_index": item.index, **said}


def _object(arguments: str) -> Json:
    try:
        said = json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}

"""The events of the Responses API, as a server-sent event stream."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from agentos.models.rehearsal.scenario import Usage

# What a tool call streams, by its type: the field, and the event its pieces come in.
_ARGUMENT_EVENTS = {
    "function_call": ("arguments", "response.function_call_arguments"),
    "custom_tool_call": ("input", "response.custom_tool_call_input"),
}
_PIECE = re.compile(r"\s*\S+\s*\S*\s*\S*|\s+")


def pieces(text: str) -> list[str]:
    """Cut a text into the pieces it is streamed in, about three words each."""
    return _PIECE.findall(text)


class ResponseStream:
    """Writes one response, event by event.

    Args:
        model: The model the response claims to come from.
    """

    def __init__(self, model: str) -> None:
        self.id = f"resp_{uuid.uuid4().hex}"
        self._model = model
        self._output: list[Mapping[str, Any]] = []
        self._sequence = 0

    def created(self) -> bytes:
        """Open the response."""
        return self._event("response.created", response=self._response("in_progress"))

    def reasoning(self, text: str) -> Iterator[bytes]:
        """Stream a summary of reasoning."""
        item = {"type": "reasoning", "id": _new_id("rs"), "summary": []}
        part = {"type": "summary_text", "text": text}
        place = {"item_id": item["id"], "summary_index": 0}
        yield self._added(item)
        empty = {**part, "text": ""}
        yield self._item_event("response.reasoning_summary_part.added", part=empty, **place)
        for piece in pieces(text):
            yield self._item_event("response.reasoning_summary_text.delta", delta=piece, **place)
        yield self._item_event("response.reasoning_summary_text.done", text=text, **place)
        yield self._item_event("response.reasoning_summary_part.done", part=part, **place)
        yield self._done({**item, "summary": [part]})

    def message(self, text: str) -> Iterator[bytes]:
        """Stream a text to the user."""
        item = {"type": "message", "id": _new_id("msg"), "role": "assistant"}
        yield from self._begun_message(item, pieces(text))
        part = {"type": "output_text", "text": text, "annotations": []}
        place = {"item_id": item["id"], "content_index": 0}
        yield self._item_event("response.output_text.done", text=text, **place)
        yield self._item_event("response.content_part.done", part=part, **place)
        yield self._done({**item, "status": "completed", "content": [part]})

    def unfinished_message(self, text: str) -> Iterator[bytes]:
        """Stream the first half of a text, and never end it."""
        item = {"type": "message", "id": _new_id("msg"), "role": "assistant"}
        parts = pieces(text)
        yield from self._begun_message(item, parts[: (len(parts) + 1) // 2])

    def tool_call(self, item: Mapping[str, Any]) -> Iterator[bytes]:
        """Stream a tool call.

        Args:
            item: The call without ids, as `tools.tool_items` makes it.
        """
        call = {**item, "id": _new_id("call"), "call_id": _new_id("call"), "status": "completed"}
        if item["type"] not in _ARGUMENT_EVENTS:
            yield self._added({**call, "status": "in_progress"})
        else:
            field, event = _ARGUMENT_EVENTS[item["type"]]
            yield self._added({**call, field: "", "status": "in_progress"})
            for piece in pieces(item[field]):
                yield self._item_event(f"{event}.delta", item_id=call["id"], delta=piece)
            yield self._item_event(f"{event}.done", item_id=call["id"], **{field: item[field]})
        yield self._done(call)

    def completed(self, usage: Usage) -> bytes:
        """End the response and report the tokens it used."""
        response = self._response("completed")
        response["usage"] = {
            "input_tokens": usage.input,
            "input_tokens_details": {"cached_tokens": usage.cached},
            "output_tokens": usage.output,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning},
            "total_tokens": usage.input + usage.output,
        }
        return self._event("response.completed", response=response)

    def _begun_message(self, item: Mapping[str, Any], parts: list[str]) -> Iterator[bytes]:
        place = {"item_id": item["id"], "content_index": 0}
        empty = {"type": "output_text", "text": "", "annotations": []}
        yield self._added({**item, "status": "in_progress", "content": []})
        yield self._item_event("response.content_part.added", part=empty, **place)
        for piece in parts:
            yield self._item_event("response.output_text.delta", delta=piece, **place)

    def _added(self, item: Mapping[str, Any]) -> bytes:
        return self._item_event("response.output_item.added", item=item)

    def _done(self, item: Mapping[str, Any]) -> bytes:
        written = self._item_event("response.output_item.done", item=item)
        self._output.append(item)
        return written

    def _response(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "response",
            "status": status,
            "model": self._model,
            "output": list(self._output),
        }

    def _item_event(self, kind: str, **data: Any) -> bytes:
        return self._event(kind, output_index=len(self._output), **data)

    def _event(self, kind: str, **data: Any) -> bytes:
        payload = {"type": kind, "sequence_number": self._sequence, **data}
        self._sequence += 1
        return f"event: {kind}\ndata: {json.dumps(payload)}\n\n".encode()


def _new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"

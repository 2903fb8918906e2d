"""A Responses answer as it grows from the pieces of a Chat answer."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agentos.models.translation.calls import Slots
from agentos.models.translation.chunk import CallPiece, Chunk
from agentos.models.translation.items import CallItem, Item, MessageItem, ReasoningItem
from agentos.models.translation.request import Expected
from agentos.models.translation.tools import Json, ToolKind
from agentos.models.translation.usage import to_responses_usage

Events = Iterator[Json]

#: An answer with more characters is broken off.
LONGEST_ANSWER = 32 * 2**20
_ITEM_SIZE = 1000
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
_PREFIXES = {
    ToolKind.FUNCTION: "fc",
    ToolKind.CUSTOM: "ctc",
    ToolKind.SEARCH: "tsc",
    ToolKind.SHELL: "lsh",
}


def new_id(prefix: str) -> str:
    """Make an id; without a prefix a call's, of nine letters and digits as Mistral wants it."""
    random = uuid.uuid4().hex
    return f"{prefix}_{random}" if prefix else random[:9]


class Answer:
    """Turn pieces into events; whatever happens, the last one ends the response.

    Args:
        expected: What the request wants to hear.
        ids: Makes ids by prefix.
        clock: The wall clock, in seconds.

    Attributes:
        response: The response as the last event tells of it.
    """

    def __init__(
        self,
        expected: Expected,
        *,
        ids: Callable[[str], str] = new_id,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._expected = expected
        self._ids = ids
        self._sequence = 0
        self._size = 0
        self._blank = ""
        self._finish = ""
        self._status = "in_progress"
        self._usage: Mapping[str, Any] | None = None
        self._begun = 0
        self._open: list[Item] = []
        self._speaking: MessageItem | ReasoningItem | None = None
        self._calls = Slots()
        self._call_ids = set(expected.call_ids)
        self._late: list[Chunk] = []
        self._output: dict[int, Json] = {}
        self.response = _response(expected, ids("resp"), int(clock()))

    @property
    def over(self) -> bool:
        """Whether the last event has been given."""
        return self._status != "in_progress"

    @property
    def finished(self) -> bool:
        """Whether the model has ended its answer; what it used may still be told."""
        return bool(self._finish)

    def begin(self) -> Events:
        """Give the events before the first piece."""
        yield self._numbered({"type": "response.created", "response": self.response})
        yield self._numbered({"type": "response.in_progress", "response": self.response})

    def add(self, chunk: Chunk) -> Events:
        """Give the events of a piece."""
        if self.over:
            return
        for event in self._add(chunk):
            yield self._numbered(event)
        if chunk.error is not None:
            yield from self.fail(str(chunk.error["message"]), chunk.error.get("code"))
        elif chunk.finish == "error":
            yield from self.fail("the provider ended its answer with an error")
        elif self._size > LONGEST_ANSWER:
            yield from self.fail(f"the answer is longer than {LONGEST_ANSWER} characters")

    def end(self) -> Events:
        """Give the events after the last piece."""
        if self.over:
            return
        reason = _INCOMPLETE.get(self._finish)
        if not self._finish and not self._begun:
            yield from self.fail("the answer ended before it began")
        elif reason is None and self._calls.nameless:
            yield from self.fail("the model calls a tool without a name")
        else:
            status = "incomplete" if reason else "completed"
            for event in self._end_items(status):
                yield self._numbered(event)
            details = {"reason": reason} if reason else None
            yield self._last(status, incomplete_details=details)

    def fail(self, message: str, code: object = None) -> Events:
        """Give the event after which nothing comes, since something went wrong."""
        if self.over:
            return
        if not isinstance(code, str) or not code:
            code = "rate_limit_exceeded" if code == 429 else "server_error"
        yield self._last("failed", error={"code": code, "message": message})

    def _add(self, chunk: Chunk) -> Events:
        self.response["model"] = chunk.model or self.response["model"]
        self._usage = chunk.usage or self._usage
        self._finish = chunk.finish or self._finish
        self._size += chunk.size
        thinks = isinstance(self._speaking, ReasoningItem)
        if chunk.reasoning or (chunk.details and (thinks or not self._begun)):
            yield from self._think(chunk)
        elif chunk.details:
            # What only the provider can read comes when it likes: it interrupts nothing.
            self._late.append(chunk)
        if chunk.text:
            yield from self._say(chunk.text)
        if chunk.refusal:
            yield from self._message()
            assert isinstance(self._speaking, MessageItem)
            yield from self._speaking.refusal(chunk.refusal)
        for piece in chunk.calls:
            yield from self._call(piece)

    def _think(self, chunk: Chunk) -> Events:
        if not isinstance(self._speaking, ReasoningItem):
            yield from self._end_speaking()
            self._speaking = ReasoningItem(
                self._ids("rs"), self._begun, self._expected.model, self._expected.seals_reasoning
            )
            yield from self._begin(self._speaking)
        yield from self._speaking.add(chunk)

    def _say(self, text: str) -> Events:
        if not isinstance(self._speaking, MessageItem):
            # Models put blank lines before a call; those are no message.
            text, self._blank = self._blank + text, ""
            if text.isspace():
                self._blank = text
                return
        yield from self._message()
        assert isinstance(self._speaking, MessageItem)
        yield from self._speaking.text(text)

    def _message(self) -> Events:
        if not isinstance(self._speaking, MessageItem):
            yield from self._end_speaking()
            self._speaking = MessageItem(self._ids("msg"), self._begun)
            yield from self._begin(self._speaking)

    def _call(self, piece: CallPiece) -> Events:
        slot = self._calls.of(piece)
        if slot.item is None and not piece.name:
            slot.held.append(piece.arguments)
            return
        if slot.item is None:
            yield from self._end_speaking()
            tool = self._expected.tools.tool_named(piece.name)
            ids = self._ids(_PREFIXES[tool.kind]), self._call_id(slot.id)
            slot.item = CallItem(ids[0], self._begun, ids[1], tool)
            yield from self._begin(slot.item)
            yield from slot.item.add("".join(slot.held))
        yield from slot.item.add(piece.arguments)

    def _call_id(self, given: str) -> str:
        """Take a provider's id unless the conversation has it already: some count from 0."""
        id = given if given and given not in self._call_ids else self._ids("")
        self._call_ids.add(id)
        return id

    def _begin(self, item: Item) -> Events:
        self._begun += 1
        self._size += _ITEM_SIZE
        self._open.append(item)
        yield from item.begin()

    def _end_speaking(self) -> Events:
        item, self._speaking = self._speaking, None
        self._blank = ""
        if item is not None:
            yield from self._end_item(item, "completed")

    def _end_items(self, status: str) -> Events:
        for item in sorted(self._open, key=lambda item: item.index):
            yield from self._end_item(item, status)
        self._speaking = None
        for chunk in self._late:
            yield from self._think(chunk)
        yield from self._end_speaking()

    def _end_item(self, item: Item, status: str) -> Events:
        self._open.remove(item)
        for event in item.end(status):
            if event["type"] == "response.output_item.done":
                self._output[item.index] = event["item"]
            yield event

    def _last(self, status: str, **about: Any) -> Json:
        output = [item for _, item in sorted(self._output.items())]
        usage = to_responses_usage(self._usage)
        self._status = status
        self.response |= {"status": status, "output": output, "usage": usage, **about}
        return self._numbered({"type": f"response.{status}", "response": self.response})

    def _numbered(self, event: Json) -> Json:
        if "response" in event:
            event["response"] = dict(self.response)
        numbered = {"type": event["type"], "sequence_number": self._sequence, **event}
        self._sequence += 1
        return numbered


def _response(expected: Expected, id: str, created: int) -> Json:
    return expected.echoed | {
        "id": id,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "model": expected.model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "previous_response_id": None,
        "store": False,
        "usage": None,
    }

"""Read what a call used from its answer, without holding the answer up or keeping it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from agentos.models.encodings import Decoder, decoder
from agentos.usage.prices import Tokens

#: A single event or a whole answer that is longer is not read.
LONGEST_READ = 32 * 2**20
_TELLING = re.compile(rb'"(?:usage|error)"\s*:\s*\{')


class UsageReader:
    """Listen to an answer's bytes.

    Args:
        content_type: Of the answer.
        encoding: Its `content-encoding`.

    Attributes:
        tokens: What it used; None as long as that is not told.
        cost: What the provider itself says that it costs, in US dollars.
        model: The model that answered.
        response_id: The answer's id.
        error: The provider's words, if the answer is or becomes an error.
        began: Whether a piece of the model's answer has been seen.
        size: How many bytes came, decoded.
    """

    def __init__(self, content_type: str, encoding: str | None = None) -> None:
        self.tokens: Tokens | None = None
        self.cost: float | None = None
        self.model = ""
        self.response_id = ""
        self.error: str | None = None
        self.began = False
        self.size = 0
        self._events = content_type.startswith("text/event-stream")
        self._decoder: Decoder | None = decoder(encoding)
        self._rest = bytearray()
        self._too_long = False
        self._usage: dict[str, Any] = {}

    def feed(self, chunk: bytes) -> None:
        """Hear the next bytes."""
        if self._decoder is not None:
            chunk = self._decode(self._decoder, chunk)
        self.size += len(chunk)
        if not self._events:
            self.began = self.began or bool(chunk)
            self._keep(chunk)
            return
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            self._keep(chunk)
            return
        lines = (bytes(self._rest) + head).split(b"\n")
        if self._too_long:
            del lines[0]
        self._rest.clear()
        self._too_long = False
        self._keep(tail)
        for line in lines:
            if line.startswith(b"data:"):
                self._hear(line[5:].strip())

    def end(self) -> None:
        """Hear that there are no more bytes."""
        rest, self._rest = bytes(self._rest), bytearray()
        if self._too_long or not rest:
            return
        if not self._events:
            self._take(_object(rest))
        elif rest.startswith(b"data:"):
            self._hear(rest[5:].strip())

    def _decode(self, decoder: Decoder, chunk: bytes) -> bytes:
        try:
            return decoder.decode(chunk, LONGEST_READ)
        except ValueError:
            # It is not what it says it is: the agent shall see that, we just cannot read it.
            self._too_long = True
            return b""

    def _keep(self, data: bytes) -> None:
        if self._too_long:
            return
        self._rest += data
        if len(self._rest) > LONGEST_READ:
            self._rest.clear()
            self._too_long = True

    def _hear(self, data: bytes) -> None:
        self.began = self.began or b"delta" in data
        if not self.response_id or _TELLING.search(data):
            self._take(_object(data))

    def _take(self, said: Mapping[str, Any]) -> None:
        # Responses wrap what they tell in `response`, Messages in `message`, Chat in nothing.
        inner = said.get("response") or said.get("message")
        about = inner if isinstance(inner, dict) else said
        self.model = _text(about.get("model")) or self.model
        self.response_id = self.response_id or _text(about.get("id"))
        error = about.get("error") or said.get("error")
        if isinstance(error, dict):
            self.error = _text(error.get("message")) or _text(error.get("code")) or "error"
        usage = about.get("usage") or said.get("usage")
        if isinstance(usage, dict):
            # Messages tell the input first and the output last.
            self._usage |= {name: value for name, value in usage.items() if value is not None}
            self.tokens = tokens_of(self._usage)
            cost = self._usage.get("cost")
            self.cost = float(cost) if isinstance(cost, int | float) else None


def tokens_of(usage: Mapping[str, Any]) -> Tokens:
    """Read the `usage` of Responses, Chat Completions or Messages."""
    if "prompt_tokens" in usage or "completion_tokens" in usage:
        read, written = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
        return Tokens(
            _count(usage, "prompt_tokens"),
            _count(read, "cached_tokens"),
            _count(read, "cache_write_tokens"),
            _count(usage, "completion_tokens"),
            _count(written, "reasoning_tokens"),
        )
    if "cache_read_input_tokens" in usage or "cache_creation_input_tokens" in usage:
        cached = _count(usage, "cache_read_input_tokens")
        stored = _count(usage, "cache_creation_input_tokens")
        fresh = _count(usage, "input_tokens")  # here without the other two
        return Tokens(fresh + cached + stored, cached, stored, _count(usage, "output_tokens"))
    read, written = usage.get("input_tokens_details"), usage.get("output_tokens_details")
    return Tokens(
        _count(usage, "input_tokens"),
        _count(read, "cached_tokens"),
        _count(read, "cache_write_tokens"),
        _count(usage, "output_tokens"),
        _count(written, "reasoning_tokens"),
    )


def _count(usage: object, name: str) -> int:
    value = usage.get(name) if isinstance(usage, Mapping) else None
    return value if isinstance(value, int) and value > 0 else 0


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        value = from_json(data)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

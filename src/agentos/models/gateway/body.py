"""A request's body: read within bounds, understood, and given another model."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json
from starlette.types import Receive

from agentos.models.encodings import TooLarge, decoder
from agentos.models.gateway.errors import Refused

MOST_BYTES = 64 * 2**20
#: What the requests of one machine may hold of the host's memory at once.
MOST_HELD = 256 * 2**20
_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*("(?:[^"\\]|\\.)*")')


class ClientGone(Exception):
    """The client went away before it had sent its request."""


class Room:
    """The memory that the requests of each machine hold until their answers begin."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def take(self, machine: str, size: int) -> None:
        """Let a machine hold more.

        Raises:
            Refused: It holds too much already.
        """
        if self._held[machine] + size > MOST_HELD:
            told = f"the requests of this machine hold more than {MOST_HELD >> 20} MiB"
            raise Refused(429, "too_much_at_once", told, retry_after=1)
        self._held[machine] += size

    def give_back(self, machine: str, size: int) -> None:
        """Note that a machine holds less."""
        self._held[machine] -= size
        if not self._held[machine]:
            del self._held[machine]


class Body:
    """A request's body, which takes its room until it is dropped."""

    def __init__(self, room: Room, machine: str) -> None:
        self._room = room
        self._machine = machine
        self._size = 0
        self.data = b""

    async def read(self, receive: Receive, encoding: str | None) -> None:
        """Read it and undo its `content-encoding`.

        Raises:
            Refused: It is too large, or not what it says it is.
            ClientGone: It does not end.
        """
        data = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            data += message.get("body", b"")
            self._grow(len(data))
            if not message.get("more_body", False):
                break
        self.data = _decoded(bytes(data), encoding)
        self._grow(len(self.data))

    def drop(self) -> None:
        """Let go of it."""
        self.data = b""
        self._room.give_back(self._machine, self._size)
        self._size = 0

    def _grow(self, size: int) -> None:
        if size > MOST_BYTES:
            raise _too_large()
        if size > self._size:
            self._room.take(self._machine, size - self._size)
            self._size = size


def parse(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        Refused: It is none.
    """
    try:
        parsed = from_json(body)
    except ValueError as error:
        raise Refused(400, "invalid_json", f"the body is not JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise Refused(400, "invalid_json", "the body is not a JSON object")
    return parsed


def with_model(body: bytes, parsed: Mapping[str, Any], model: str) -> bytes:
    """Return a body that asks for another model, and is otherwise the same, byte for byte.

    Only if the place is in doubt, because something deeper has a `model` too, is it written anew.
    """
    if parsed.get("model") == model:
        return body
    named = json.dumps(model).encode()
    places = list(_MODEL.finditer(body))
    if len(places) == 1:
        start, end = places[0].span(1)
        return body[:start] + named + body[end:]
    return json.dumps({**parsed, "model": model}, ensure_ascii=False).encode()


def _decoded(data: bytes, encoding: str | None) -> bytes:
    try:
        decoding = decoder(encoding)
    except LookupError:
        told = f"the body's content-encoding {encoding!r} is not read here: use gzip or zstd"
        raise Refused(415, "unknown_encoding", told) from None
    if decoding is None:
        return data
    try:
        body = decoding.decode(data, MOST_BYTES)
    except TooLarge:
        raise _too_large() from None
    except ValueError as error:
        raise Refused(400, "invalid_encoding", f"the body cannot be read: {error}") from error
    if not decoding.complete:
        raise Refused(400, "invalid_encoding", f"the body's {encoding} ends too early")
    return body


def _too_large() -> Refused:
    return Refused(413, "body_too_large", f"the body is larger than {MOST_BYTES >> 20} MiB")

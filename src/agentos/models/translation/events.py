"""Server-sent events, read from bytes as they come and written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

#: An event that is longer is not read.
LONGEST_EVENT = 8 * 2**20


class EventTooLong(Exception):
    """An event does not end."""

    def __init__(self) -> None:
        super().__init__(f"an event of the provider's answer exceeds {LONGEST_EVENT >> 20} MiB")


class EventReader:
    """Find the data of each event, however the bytes are cut."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Hear the next bytes, and give the data of the events that they complete.

        Raises:
            EventTooLong: An event is longer than `LONGEST_EVENT`.
        """
        *lines, rest = chunk.split(b"\n")
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        for line in lines:
            yield from self._line(line.removesuffix(b"\r"))
        if self._size + len(self._rest) > LONGEST_EVENT:
            raise EventTooLong

    def end(self) -> Iterator[bytes]:
        """Hear that there are no more bytes: not every provider ends its last event."""
        rest = bytes(self._rest)
        self._rest.clear()
        yield from self._line(rest.removesuffix(b"\r"))
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[bytes]:
        if not line:
            data, self._data, self._size = self._data, [], 0
            if data:
                yield b"\n".join(data)
        elif line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
            self._size += len(line)


def written(event: dict[str, Any]) -> bytes:
    """Return an event's bytes."""
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()

"""Frames on the stream between the host and a guest; the C side is `native/guest.c`.

A frame is four 32-bit numbers (kind, id of the command, its stream, a value), and for a packet
or data as many bytes as the value says. Both sides may send `WINDOW` bytes of a stream, and after
that as many as the other side gives credit for: a side that does not take them makes the other
wait, and neither keeps more than a window of each stream. Beside it goes what a command wrote
just before its end, which is at most what a pipe holds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from agentos.machine.protocol import REPLY_MAX

WINDOW = 64 * 1024
#: The largest pipe that a command can make of its output, in bytes.
PIPE_MAX = 2**20

_HEAD = struct.Struct("=IIII")


class FrameKind(IntEnum):
    """What a frame says; the value is what it says it with."""

    PACKET = 1  # the size of the request or reply that follows
    DATA = 2  # how many bytes of the stream follow
    CREDIT = 3  # how many more bytes there is room for
    END = 4  # the sender of the stream sends no more
    GONE = 5  # the receiver of the stream wants no more
    RESIZE = 6  # rows << 16 | columns, of a terminal


class StreamId(IntEnum):
    """The streams of a command: its three, or what goes both ways: a terminal, or a socket."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    BOTH_WAYS = 3


class StreamBroken(Exception):
    """What came from the guest is not the protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `data` is empty unless it is a packet or data."""

    kind: FrameKind
    id: int = 0
    stream: int = 0
    value: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        """Lay it out as the guest reads it."""
        value = len(self.data) if self.kind in (FrameKind.PACKET, FrameKind.DATA) else self.value
        return _HEAD.pack(self.kind, self.id, self.stream, value) + self.data


class FrameReader:
    """Cut what comes from a guest into frames.

    The guest may be hostile: what it can make us keep is one frame of the largest size.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes in; return the frames that are complete.

        Raises:
            StreamBroken: They are no frames.
        """
        self._buffer += data
        start = 0
        try:
            while (frame := self._frame_at(start)) is not None:
                start += _HEAD.size + len(frame.data)
                yield frame
        finally:
            del self._buffer[:start]

    def _frame_at(self, start: int) -> Frame | None:
        if len(self._buffer) < start + _HEAD.size:
            return None
        number, id, stream, value = _HEAD.unpack_from(self._buffer, start)
        try:
            kind = FrameKind(number)
        except ValueError:
            raise StreamBroken(f"a frame of unknown kind {number}") from None
        most = {FrameKind.PACKET: REPLY_MAX, FrameKind.DATA: WINDOW}.get(kind)
        if most is None:
            return Frame(kind, id, stream, value)
        if value > most:
            raise StreamBroken(f"a frame of {value} bytes where {most} are the most")
        first = start + _HEAD.size
        if len(self._buffer) < first + value:
            return None
        return Frame(kind, id, stream, value, bytes(self._buffer[first : first + value]))

"""The kernel's records of what happens to files: `inotify(7)`."""

from __future__ import annotations

import fcntl
import os
import struct
import termios
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag

_HEADER = struct.Struct("=iIII")
_CHUNK = 64 * 1024


class Mask(IntFlag):
    """What an event says, and what a watch asks for."""

    MODIFY = 0x2
    ATTRIB = 0x4
    MOVED_FROM = 0x40
    MOVED_TO = 0x80
    CREATE = 0x100
    DELETE = 0x200
    DELETE_SELF = 0x400
    MOVE_SELF = 0x800
    UNMOUNT = 0x2000
    OVERFLOW = 0x4000
    IGNORED = 0x8000
    ONLY_DIRECTORY = 0x1000000
    EXCLUDE_UNLINKED = 0x4000000
    DIRECTORY = 0x40000000


@dataclass(frozen=True, slots=True)
class Event:
    """One record.

    Attributes:
        watch: The number of the watched directory, or -1.
        mask: What happened.
        cookie: The same in both records of a move.
        name: The name within the directory, or empty for the directory itself.
        size: How many bytes it took in the queue.
    """

    watch: int
    mask: Mask
    cookie: int
    name: str
    size: int


def read_events(fd: int) -> list[Event]:
    """Return what is queued, at least one event.

    Raises:
        BlockingIOError: Nothing is queued.
    """
    return list(_decode(os.read(fd, _CHUNK)))


def _decode(data: bytes) -> Iterator[Event]:
    start = 0
    while start < len(data):
        watch, mask, cookie, length = _HEADER.unpack_from(data, start)
        name = data[start + _HEADER.size : start + _HEADER.size + length].rstrip(b"\0")
        size = _HEADER.size + length
        yield Event(watch, Mask(mask), cookie, os.fsdecode(name), size)
        start += size


def queued(fd: int) -> int:
    """Return how many bytes of events are queued."""
    return int(struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0])

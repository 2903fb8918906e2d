"""Replies of a guest's init, which may be anything if somebody has taken the guest over."""

from __future__ import annotations

import struct

from agentos.machine.protocol import Kind, Reply, decode_reply
from agentos.machine.stream.frames import StreamBroken

_HEAD = struct.Struct("=IIiiii")
_USAGE_SIZE = 24
#: `STARTED` is not among them: it names a process of the host.
_KINDS = (Kind.READY, Kind.FAILED, Kind.REPLY, Kind.EXITED)


def read_reply(packet: bytes) -> Reply:
    """Read a packet that the channel may be given.

    Raises:
        StreamBroken: The channel may not.
    """
    if len(packet) < _HEAD.size:
        raise StreamBroken(f"a reply of {len(packet)} bytes")
    reply = decode_reply(memoryview(packet), -1)
    if reply.kind not in _KINDS:
        raise StreamBroken(f"a reply of unknown kind {reply.kind}")
    if reply.kind == Kind.EXITED and len(reply.data) != _USAGE_SIZE:
        raise StreamBroken("the end of a command without what it used")
    return reply


def refuse(id: int, error: int) -> bytes:
    """Return the reply that a request failed for an errno."""
    return _HEAD.pack(Kind.REPLY, id, error, 0, 0, 0)

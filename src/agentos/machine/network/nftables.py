"""The kernel's packet filter, as much of its netlink protocol as one table needs.

A message is a command on a table, a chain, a rule or a set; a rule is a list of expressions
that work on registers. The numbers are those of `linux/netfilter/nf_tables.h`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NETLINK_NETFILTER = 12
#: Registers of 4 bytes: a key of two fields lies in the first two.
FIRST, SECOND = 8, 9

_BATCH_BEGIN, _BATCH_END, _SUBSYSTEM = 16, 17, 10
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _NEW_RULE, _DELETE_RULE = 0, 2, 3, 6, 8
_NEW_SET, _NEW_ELEMENT, _DELETE_ELEMENT = 9, 12, 14
_REQUEST, _ACK, _CREATE, _APPEND = 0x1, 0x4, 0x400, 0x800
_NESTED = 0x8000
_INET = 1
_NETLINK_ERROR = 2
_MOST_BYTES = 128 * 1024  # of one batch: the kernel takes what fits into the send buffer


@dataclass(frozen=True, slots=True)
class Command:
    """One message of a batch."""

    kind: int
    flags: int
    body: bytes


class Netfilter:
    """Change the packet filter of one network namespace.

    Args:
        sock: A non-blocking `NETLINK_NETFILTER` socket of that namespace; `close` closes it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def close(self) -> None:
        """Close the socket; the filter stays."""
        self._sock.close()

    def apply(self, commands: Iterable[Command]) -> None:
        """Carry commands out, all of a batch or none; a very long list is several batches.

        The kernel does it before this returns.

        Raises:
            OSError: The kernel refused one of them.
        """
        batch, size = list[Command](), 0
        for command in commands:
            if batch and size + len(command.body) > _MOST_BYTES:
                self._send(batch)
                batch, size = [], 0
            batch.append(command)
            size += len(command.body) + 20
        if batch:
            self._send(batch)

    def _send(self, batch: Sequence[Command]) -> None:
        parts = [_message(_BATCH_BEGIN, _REQUEST, 0, b"", about=_SUBSYSTEM)]
        for number, command in enumerate(batch, 1):
            flags = command.flags | _REQUEST | (_ACK if number == len(batch) else 0)
            parts.append(_message(_SUBSYSTEM << 8 | command.kind, flags, _INET, command.body))
        parts.append(_message(_BATCH_END, _REQUEST, 0, b"", about=_SUBSYSTEM))
        self._sock.send(b"".join(parts))
        failure = self._failure()
        if failure:
            raise OSError(failure, os.strerror(failure), "netfilter")

    def _failure(self) -> int:
        """The first error among the answers, which are all there already; 0 if there is none."""
        found = 0
        answered = False
        while True:
            try:
                answer = self._sock.recv(65_536)
            except BlockingIOError:
                return found if answered else errno.EPROTO
            answered = True
            while len(answer) >= 20:
                size, kind, _, _, _, error = struct.unpack_from("=IHHIIi", answer)
                if kind == _NETLINK_ERROR and error and not found:
                    found = -error
                answer = answer[size + 3 & ~3 :]


def attribute(number: int, data: bytes) -> bytes:
    """Encode one attribute of a message, padded."""
    return struct.pack("=HH", 4 + len(data), number) + data + b"\0" * (-len(data) % 4)


# ---- commands ----


def new_table(table: str) -> Command:
    """Make a table, unless it is there."""
    return Command(_NEW_TABLE, _CREATE, _text(1, table))


def delete_table(table: str) -> Command:
    """Delete a table with all that is in it."""
    return Command(_DELETE_TABLE, 0, _text(1, table))


def new_chain(table: str, chain: str, hook: int | None = None, priority: int = 0) -> Command:
    """Make a chain; with a hook the kernel sends packets through it."""
    body = _text(1, table) + _text(3, chain)
    if hook is not None:
        body += _nest(4, _number(1, hook), _number(2, priority & 0xFFFFFFFF)) + _text(7, "filter")
    return Command(_NEW_CHAIN, _CREATE, body)


def new_rule(table: str, chain: str, *expressions: bytes) -> Command:
    """Append a rule to a chain."""
    body = _text(1, table) + _text(2, chain) + _nest(4, *expressions)
    return Command(_NEW_RULE, _CREATE | _APPEND, body)


def empty_chain(table: str, chain: str) -> Command:
    """Delete all rules of a chain."""
    return Command(_DELETE_RULE, 0, _text(1, table) + _text(2, chain))


def new_set(table: str, name: str, key_size: int, number: int) -> Command:
    """Make a set of keys; `number` tells the new sets of one batch apart."""
    body = _text(1, table) + _text(2, name) + _number(3, 0) + _number(4, 0)
    return Command(_NEW_SET, _CREATE, body + _number(5, key_size) + _number(10, number))


def add_elements(table: str, name: str, keys: Iterable[bytes]) -> Command:
    """Put keys into a set."""
    return Command(_NEW_ELEMENT, _CREATE, _elements(table, name, keys))


def delete_elements(table: str, name: str, keys: Iterable[bytes]) -> Command:
    """Take keys out of a set, in which they must be."""
    return Command(_DELETE_ELEMENT, 0, _elements(table, name, keys))


# ---- expressions ----


def family(number: int) -> bytes:
    """Go on only with packets of IPv4 (2) or IPv6 (10)."""
    return _expression("meta", _number(1, FIRST), _number(2, 15)) + compare(bytes([number]))


def protocol(number: int) -> bytes:
    """Go on only with packets of a transport protocol."""
    return _expression("meta", _number(1, FIRST), _number(2, 16)) + compare(bytes([number]))


def load(header: str, offset: int, size: int, register: int = FIRST) -> bytes:
    """Load bytes of the `"network"` or `"transport"` header."""
    base = {"network": 1, "transport": 2}[header]
    numbers = (_number(1, register), _number(2, base), _number(3, offset), _number(4, size))
    return _expression("payload", *numbers)


def mask(bits: bytes) -> bytes:
    """Keep only these bits of what was loaded."""
    size, zero = _number(3, len(bits)), attribute(1, bytes(len(bits)))
    registers = _number(1, FIRST) + _number(2, FIRST)
    return _expression("bitwise", registers, size, _nest(4, attribute(1, bits)), _nest(5, zero))


def compare(data: bytes, *, equal: bool = True) -> bytes:
    """Go on only if what was loaded is (or is not) this."""
    operation = _number(2, 0 if equal else 1)
    return _expression("cmp", _number(1, FIRST), operation, _nest(3, attribute(1, data)))


def look_up(name: str) -> bytes:
    """Go on only if what was loaded is a key of this set."""
    return _expression("lookup", _text(1, name), _number(2, FIRST))


def accept() -> bytes:
    """Let the packet through this hook."""
    return _verdict(_number(1, 1))


def jump(chain: str) -> bytes:
    """Go through another chain, and come back unless it decides."""
    return _verdict(_number(1, -3 & 0xFFFFFFFF), _text(2, chain))


def reset() -> bytes:
    """Refuse a TCP connection as a host does where nothing listens."""
    return _expression("reject", _number(1, 1), attribute(2, b"\0"))


def log(group: int, size: int) -> bytes:
    """Send the first bytes of the packet to whoever reads a group."""
    return _expression("log", attribute(1, struct.pack("!H", group)), _number(3, size))


def limit(per_second: int) -> bytes:
    """Go on only so many times a second."""
    rate = attribute(1, struct.pack("!Q", per_second)) + attribute(2, struct.pack("!Q", 1))
    return _expression("limit", rate, _number(3, per_second), _number(4, 0))


def hand_to(number: int, address: bytes, port: int) -> bytes:
    """Give the packet to the transparent socket at an address and port of IPv4 or IPv6."""
    target = _nest(2, attribute(1, address)), _nest(2, attribute(1, struct.pack("!H", port)))
    into = 12  # past the 16 bytes of an address
    return (
        _expression("immediate", _number(1, FIRST), target[0])
        + _expression("immediate", _number(1, into), target[1])
        + _expression("tproxy", _number(1, number), _number(2, FIRST), _number(3, into))
    )


# ---- encoding ----


def _message(kind: int, flags: int, family: int, body: bytes, *, about: int = 0) -> bytes:
    header = struct.pack("=IHHII", 20 + len(body), kind, flags, 0, 0)
    return header + struct.pack("=BB", family, 0) + struct.pack("!H", about) + body


def _nest(number: int, *items: bytes) -> bytes:
    return attribute(number | _NESTED, b"".join(items))


def _number(number: int, value: int) -> bytes:
    return attribute(number, struct.pack("!I", value))


def _text(number: int, value: str) -> bytes:
    return attribute(number, value.encode() + b"\0")


def _expression(name: str, *data: bytes) -> bytes:
    return _nest(1, _text(1, name), _nest(2, *data))


def _verdict(*data: bytes) -> bytes:
    return _expression("immediate", _number(1, 0), _nest(2, _nest(2, *data)))


def _elements(table: str, name: str, keys: Iterable[bytes]) -> bytes:
    entries = [_nest(1, _nest(1, attribute(1, key))) for key in keys]
    return _text(1, table) + _text(2, name) + _nest(3, *entries)

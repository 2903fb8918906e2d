"""The DNS wire format, as much of it as a machine's resolver speaks (RFC 1035, RFC 6891)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address

from agentos.machine.network.ranges import Address

A, PTR, AAAA, OPT = 1, 12, 28, 41
TTL = 60
UDP_SIZE = 1232

_HEADER = struct.Struct("!6H")
_LABEL = re.compile(rb"[A-Za-z0-9_-]+")
_IN = 1


class Code(IntEnum):
    """How a query was answered."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5


class MalformedQuery(ValueError):
    """A packet is no query that can be answered.

    `reply` is what to send back; None for silence.
    """

    def __init__(self, reason: str, reply: bytes | None = None) -> None:
        super().__init__(reason)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Query:
    """One question.

    Attributes:
        id: The client's number for it.
        flags: The header flags as sent.
        question: The question as sent; a reply repeats it byte for byte.
        name: The name asked for, in lower case; None if it is no host name.
        type: The record type asked for.
        edns: Whether the client sent an OPT record.
    """

    id: int
    flags: int
    question: bytes
    name: str | None
    type: int
    edns: bool

    def reply(self, code: Code = Code.NOERROR, data: bytes | None = None) -> bytes:
        """Encode an answer.

        Args:
            code: The outcome.
            data: The record's data; None for an answer without a record.

        Returns:
            The packet, without a length prefix.
        """
        header = _HEADER.pack(
            self.id, _reply_flags(self.flags, code), 1, int(data is not None), 0, int(self.edns)
        )
        record = b""
        if data is not None:
            # 0xC00C points back at the name in the question.
            record = struct.pack("!HHHIH", 0xC00C, self.type, _IN, TTL, len(data)) + data
        opt = struct.pack("!BHHIH", 0, OPT, UDP_SIZE, 0, 0) if self.edns else b""
        return header + self.question + record + opt


def parse_query(packet: bytes) -> Query:
    """Read a query.

    Args:
        packet: A packet as it came, without a length prefix.

    Returns:
        The query.

    Raises:
        MalformedQuery: The packet is no query that can be answered.
    """
    if len(packet) < _HEADER.size:
        raise MalformedQuery("shorter than a header")
    number, flags, questions, *others = _HEADER.unpack_from(packet)
    if flags & 0x8000:
        raise MalformedQuery("a reply, not a query")
    if flags & 0x7800:
        raise MalformedQuery("not a standard query", _error(number, flags, Code.NOTIMP))
    if questions != 1:
        raise MalformedQuery("not one question", _error(number, flags, Code.FORMERR))
    labels, end = _labels(packet, _HEADER.size)
    if labels is None or len(packet) < end + 4:
        raise MalformedQuery("a broken question", _error(number, flags, Code.FORMERR))
    kind, space = struct.unpack_from("!HH", packet, end)
    question = packet[_HEADER.size : end + 4]
    if space != _IN:
        raise MalformedQuery("not the internet class", _error(number, flags, Code.REFUSED))
    edns = others[2] > 0 and packet[end + 4 : end + 7] == b"\0\0\x29"
    return Query(number, flags, question, _name(labels), kind, edns)


def encode_name(name: str) -> bytes:
    """Encode a host name as the data of a PTR record."""
    labels = name.encode("ascii").split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def reverse_address(name: str) -> Address | None:
    """Read the address out of a name that a PTR query asks for.

    Args:
        name: For example `5.1.18.198.in-addr.arpa`.

    Returns:
        The address; None if the name stands for none.
    """
    try:
        if name.endswith(".in-addr.arpa"):
            return IPv4Address(".".join(reversed(name.split(".")[:-2])))
        if name.endswith(".ip6.arpa"):
            digits = "".join(reversed(name.split(".")[:-2]))
            return IPv6Address(int(digits, 16)) if len(digits) == 32 else None
    except ValueError:
        return None
    return None


def _labels(packet: bytes, at: int) -> tuple[list[bytes] | None, int]:
    """The labels from `at` on, and the place behind them; no pointers: nothing is before them."""
    labels: list[bytes] = []
    start = at
    while at < len(packet):
        length = packet[at]
        at += 1
        if length == 0:
            return labels, at
        if length > 63 or at + length - start > 254:
            return None, at
        labels.append(packet[at : at + length])
        at += length
    return None, at


def _name(labels: list[bytes]) -> str | None:
    if not labels or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return b".".join(labels).decode("ascii").lower()


def _reply_flags(flags: int, code: Code) -> int:
    """Reply, recursion desired as asked, recursion available."""
    return 0x8000 | (flags & 0x7900) | 0x0080 | code


def _error(number: int, flags: int, code: Code) -> bytes:
    return _HEADER.pack(number, _reply_flags(flags, code), 0, 0, 0, 0)

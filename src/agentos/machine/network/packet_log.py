"""Packets that a machine's packet filter tells of, one by one (`nfnetlink_log`)."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import Callable

from agentos.machine.network.nftables import attribute

_SUBSYSTEM, _PACKET, _CONFIGURE = 4, 0, 1
_ATTRIBUTE_COMMAND, _ATTRIBUTE_MODE, _ATTRIBUTE_THRESHOLD = 1, 2, 5
_BIND, _COPY_PACKET = b"\1", 2
_ATTRIBUTE_PAYLOAD = 9
_REQUEST_ACK = 0x5
_BATCH = 64

Tell = Callable[[str, int], None]


class PacketLog:
    """Tell the destination of each packet that a rule logs.

    Args:
        sock: A non-blocking `NETLINK_NETFILTER` socket of the machine; `close` closes it.
        group: The group that the rule logs to.
        tell: Called with the address and the TCP port that a packet was for.

    Raises:
        OSError: The kernel cannot do it.
    """

    #: How much of a packet is needed: an IPv6 header and the ports.
    SIZE = 44

    def __init__(self, sock: socket.socket, group: int, tell: Tell) -> None:
        self._sock = sock
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        try:
            self._bind(group)
        except OSError:
            sock.close()
            raise
        self._loop.add_reader(sock, self._read)

    def close(self) -> None:
        """Close the socket."""
        self._loop.remove_reader(self._sock)
        self._sock.close()

    def _bind(self, group: int) -> None:
        mode = struct.pack("!IBx", self.SIZE, _COPY_PACKET)
        settings = (
            attribute(_ATTRIBUTE_COMMAND, _BIND),
            attribute(_ATTRIBUTE_MODE, mode)
            + attribute(_ATTRIBUTE_THRESHOLD, struct.pack("!I", 1)),  # tell at once
        )
        for body in settings:
            kind = _SUBSYSTEM << 8 | _CONFIGURE
            header = struct.pack("=IHHII", 20 + len(body), kind, _REQUEST_ACK, 0, 0)
            self._sock.send(header + struct.pack("!BBH", 0, 0, group) + body)
            (error,) = struct.unpack_from("=i", self._sock.recv(4096), 16)
            if error:
                raise OSError(-error, os.strerror(-error), "packet log")

    def _read(self) -> None:
        for _ in range(_BATCH):
            try:
                data = self._sock.recv(65_536)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:  # more than the kernel could keep for us
                    raise
                continue
            self._read_messages(data)

    def _read_messages(self, data: bytes) -> None:
        while len(data) >= 20:
            size, kind = struct.unpack_from("=IH", data)
            if kind == _SUBSYSTEM << 8 | _PACKET:
                place = _destination(_payload(data[20:size]))
                if place is not None:
                    self._tell(*place)
            data = data[size + 3 & ~3 :]


def _payload(attributes: bytes) -> bytes:
    while len(attributes) >= 4:
        size, number = struct.unpack_from("=HH", attributes)
        if number & 0x7FFF == _ATTRIBUTE_PAYLOAD:
            return attributes[4:size]
        attributes = attributes[max(size, 4) + 3 & ~3 :]
    return b""


def _destination(packet: bytes) -> tuple[str, int] | None:
    """Where a TCP packet goes; None if it is cut off or has headers between."""
    if len(packet) >= 24 and packet[0] >> 4 == 4:
        start = (packet[0] & 15) * 4
        if len(packet) >= start + 4:
            return socket.inet_ntop(socket.AF_INET, packet[16:20]), _port(packet, start)
    if len(packet) >= 44 and packet[0] >> 4 == 6:
        return socket.inet_ntop(socket.AF_INET6, packet[24:40]), _port(packet, 40)
    return None


def _port(packet: bytes, start: int) -> int:
    return int.from_bytes(packet[start + 2 : start + 4], "big")

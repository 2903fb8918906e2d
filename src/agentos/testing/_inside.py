"""The program inside a `NetworkNamespace`: sets the network up, then makes sockets on request."""

from __future__ import annotations

import contextlib
import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

_SIOCSIFFLAGS = 0x8914
_IFF_UP_RUNNING = 0x41
_RTM_NEWROUTE, _RTM_NEWADDR = 24, 20
_REQUEST_ACK_CREATE = 0x405
_TABLE_LOCAL, _PROTOCOL_STATIC, _SCOPE_HOST, _TYPE_LOCAL = 255, 4, 254, 2
_ATTRIBUTE_INTERFACE, _ATTRIBUTE_LOCAL = 4, 2
_IPV6_FREEBIND = 78

Answer = tuple[Any, list[socket.socket]]


def main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    bring_loopback_up()
    with tempfile.NamedTemporaryFile("w") as resolver:
        resolver.write(f"nameserver {sys.argv[2]}\n")
        resolver.flush()
        subprocess.run(["mount", "--bind", resolver.name, "/etc/resolv.conf"], check=True)
    with contextlib.suppress(ConnectionResetError):
        while request := channel.recv(65_536):
            # In a thread: one answer may depend on the next (a look-up on a listener).
            threading.Thread(target=serve, args=(channel, request), daemon=True).start()


def serve(channel: socket.socket, request: bytes) -> None:
    number, verb, arguments = json.loads(request)
    try:
        value, sockets = VERBS[verb](*arguments)
        outcome = "ok"
    except socket.gaierror as error:
        outcome, value, sockets = "gaierror", error.args, []
    except OSError as error:
        outcome, value, sockets = "oserror", error.args, []
    message = json.dumps([number, outcome, value]).encode()
    socket.send_fds(channel, [message], [sock.fileno() for sock in sockets])
    for sock in sockets:
        sock.close()


def bring_loopback_up() -> None:
    with socket.socket() as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING))
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as netlink:
        for message in (_local_route(socket.AF_INET), _local_route(socket.AF_INET6), _address()):
            netlink.send(message)
            (error,) = struct.unpack_from("i", netlink.recv(4096), 16)
            if error:
                raise OSError(-error, "netlink refused a message")


def _local_route(family: int) -> bytes:
    route = struct.pack(
        "BBBBBBBBI",
        *(family, 0, 0, 0, _TABLE_LOCAL, _PROTOCOL_STATIC, _SCOPE_HOST, _TYPE_LOCAL, 0),
    )
    attribute = struct.pack("HHI", 8, _ATTRIBUTE_INTERFACE, 1)
    return _request(_RTM_NEWROUTE, route + attribute)


def _address() -> bytes:
    """An address besides 127.0.0.1: without one, getaddrinfo thinks that there is no IPv4."""
    address = struct.pack("BBBBI", socket.AF_INET, 32, 0, _SCOPE_HOST, 1)
    attribute = struct.pack("HH4s", 8, _ATTRIBUTE_LOCAL, socket.inet_aton(sys.argv[2]))
    return _request(_RTM_NEWADDR, address + attribute)


def _request(kind: int, body: bytes) -> bytes:
    return struct.pack("IHHII", 16 + len(body), kind, _REQUEST_ACK_CREATE, 1, 0) + body


def ready() -> Answer:
    return None, []


def listen(address: str, port: int, kind: str) -> Answer:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
    try:
        if kind != "udp":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # A local route is enough to bind to an IPv4 address, not to an IPv6 one.
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        if kind == "transparent":
            v6 = family == socket.AF_INET6
            sock.setsockopt(*(socket.IPPROTO_IPV6, 75) if v6 else (socket.IPPROTO_IP, 19), 1)
        sock.bind((address, port))
        if kind != "udp":
            sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return None, [sock]


def make_socket(family: int, kind: int, protocol: int) -> Answer:
    return None, [socket.socket(family, kind, protocol)]


def resolve(name: str, family: int, flags: int) -> Answer:
    found = socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM, 0, flags)
    return [where[0] for *_, where in found], []


VERBS: dict[str, Callable[..., Answer]] = {
    "ready": ready,
    "listen": listen,
    "socket": make_socket,
    "getaddrinfo": resolve,
}

if __name__ == "__main__":
    main()

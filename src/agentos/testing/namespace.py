"""A network namespace like a machine's, without the machine, for tests of the real kernel."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Self

from agentos.machine.network.doors import Kind

_INSIDE = Path(__file__).with_name("_inside.py")
_MESSAGE_SIZE = 65_536


class NetworkNamespace:
    """Hold a network namespace in which every address leads to loopback.

    Sockets made inside are handed out and used from here: a socket keeps its
    namespace. Needs `unshare` of util-linux and unprivileged user namespaces.

    Args:
        nameserver: What `/etc/resolv.conf` says inside.
    """

    def __init__(self, nameserver: str = "198.18.0.1") -> None:
        self._nameserver = nameserver
        # The channel holds only so many messages.
        self._asking = asyncio.Semaphore(16)
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[tuple[Any, list[int]]]] = {}

    async def __aenter__(self) -> Self:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *("unshare", "-Urnm", sys.executable, str(_INSIDE)),
                *(str(theirs.fileno()), self._nameserver),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        finally:
            theirs.close()
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel, self._receive)
        ready = False
        try:
            await self._ask("ready")
            ready = True
        finally:
            if not ready:
                await self.__aexit__()
        return self

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        self._channel.close()
        await self._process.wait()

    async def listen(self, address: str, port: int, kind: Kind) -> socket.socket:
        """Open a bound socket inside, as `Inside` has it."""
        _, descriptors = await self._ask("listen", address, port, kind)
        return _adopt(descriptors)

    async def open_socket(self, family: int, type: int, protocol: int = 0) -> socket.socket:
        """Open a socket inside, as `Inside` has it."""
        _, descriptors = await self._ask("socket", int(family), int(type), protocol)
        return _adopt(descriptors)

    async def unconnected(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM
    ) -> socket.socket:
        """Make an unconnected, non-blocking socket inside."""
        return await self.open_socket(family, kind)

    async def connect(self, address: str, port: int) -> socket.socket:
        """Connect a TCP socket inside to an address, as a program there would.

        Raises:
            OSError: What the program would see.
        """
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = await self.unconnected(family)
        connected = False
        try:
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
            connected = True
        finally:
            if not connected:
                sock.close()
        return sock

    async def getaddrinfo(self, name: str, family: int = 0, flags: int = 0) -> Sequence[str]:
        """Resolve a name inside with the C library, as a program there would.

        Raises:
            socket.gaierror: It cannot be resolved.
        """
        answer, _ = await self._ask("getaddrinfo", name, int(family), int(flags))
        return [str(address) for address in answer]

    async def _ask(self, verb: str, *arguments: object) -> tuple[Any, list[int]]:
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[Any, list[int]]] = loop.create_future()
        async with self._asking:
            self._waiting[number] = answer
            try:
                self._channel.send(json.dumps([number, verb, arguments]).encode())
                return await answer
            finally:
                del self._waiting[number]

    def _receive(self) -> None:
        try:
            message, descriptors, _, _ = socket.recv_fds(self._channel, _MESSAGE_SIZE, 4)
        except ConnectionResetError:
            message, descriptors = b"", []
        if not message:
            asyncio.get_running_loop().remove_reader(self._channel)
            for future in self._waiting.values():
                future.set_exception(RuntimeError("the network namespace could not be made"))
            return
        number, outcome, value = json.loads(message)
        waiting = self._waiting.get(number)
        if waiting is None or waiting.done():
            for descriptor in descriptors:
                os.close(descriptor)
        elif outcome == "ok":
            waiting.set_result((value, descriptors))
        elif outcome == "gaierror":
            waiting.set_exception(socket.gaierror(*value))
        else:
            waiting.set_exception(OSError(*value))


def _adopt(descriptors: list[int]) -> socket.socket:
    sock = socket.socket(fileno=descriptors[0])
    sock.setblocking(False)
    return sock

"""The connections that leave a machine: decided, dialled, carried."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from agentos.errors import NetworkDenied
from agentos.machine.network import dial
from agentos.machine.network.journal import Connection, Journal, words
from agentos.machine.network.reach import Reach
from agentos.machine.network.relay import BUFFER_SIZE, relay, reset
from agentos.machine.network.rules import HOST_NAME, host_of
from agentos.machine.network.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Outside:
    """How the host resolves names and connects to addresses."""

    resolve: dial.Resolve = dial.resolve
    connect: dial.Connect = dial.connect


class Crossings:
    """Carry what comes through the doors to the hosts that it asked for.

    Args:
        reach: Says what may be reached.
        journal: Hears of each connection.
        outside: Resolves and connects.
        capacity: How many connections to carry at once.
    """

    def __init__(self, reach: Reach, journal: Journal, outside: Outside, capacity: int) -> None:
        self._reach = reach
        self._journal = journal
        self._outside = outside
        self._capacity = capacity
        self._tasks = Tasks()
        self._places: dict[asyncio.Task[None], tuple[str, int]] = {}
        self._live: dict[str, int] = {}
        self._buffer: memoryview | None = None

    def busy(self, host: str) -> bool:
        """Say whether a host has connections now."""
        return host in self._live

    def enter(self, host: str, port: int, client: socket.socket) -> None:
        """Take a connection that the machine made.

        Args:
            host: What it wants to reach: a name or a literal address.
            port: On which TCP port.
            client: The accepted socket; closed in any case.
        """
        record = Connection(host, port)
        if len(self._tasks) >= self._capacity:
            self._journal.refuse(record, "denied", f"{self._capacity} connections are open")
            reset(client)
            return
        task = self._tasks.start(self._serve(record, host, port, client))
        self._places[task] = host, port
        self._live[host] = self._live.get(host, 0) + 1
        task.add_done_callback(partial(self._leave, client))

    def cut_forbidden(self) -> None:
        """Cut the connections that may not be there any more."""
        for task, (host, port) in self._places.items():
            if port not in self._reach.ports_for(host):
                task.cancel()

    async def close(self) -> None:
        """Cut all connections."""
        await self._tasks.cancel()

    def _leave(self, client: socket.socket, task: asyncio.Task[None]) -> None:
        host, _ = self._places.pop(task)
        self._live[host] -= 1
        if not self._live[host]:
            del self._live[host]
        # Whatever was not closed in order ends with a reset, so that the client sees it at once.
        if client.fileno() >= 0:
            reset(client)

    async def _serve(self, record: Connection, host: str, port: int, client: socket.socket) -> None:
        try:
            dial.tune(client)
            upstream = await self._reach_out(record, host, port)
        except NetworkDenied as denied:
            self._journal.refuse(record, "denied", denied.message)
        except OSError as error:
            self._journal.refuse(record, "failed", words(error))
        else:
            self._journal.begin(record)
            await self._carry(record, client, upstream)

    async def _reach_out(self, record: Connection, host: str, port: int) -> socket.socket:
        target = self._reach.route(host, port)
        if target is not None:
            record.rule = "route"
            return await self._dial(record, await self._addresses(target[0]), target[1])
        rule = self._reach.policy.match(host, port)
        if rule is not None:
            record.rule = rule.entry
        if rule is None or rule.action == "deny":
            raise NetworkDenied("the policy has changed")
        if host == HOST_NAME:
            return await self._dial(record, ["127.0.0.1"], port)
        addresses = await self._addresses(host)
        checked = dial.permitted(host, addresses, port, self._reach.policy)
        return await self._dial(record, checked, port)

    async def _addresses(self, host: str) -> list[str]:
        if isinstance(host_of(host), str):
            return list(await self._outside.resolve(host))
        return [str(ip_address(host))]

    async def _dial(self, record: Connection, addresses: list[str], port: int) -> socket.socket:
        upstream, record.address = await dial.connect_first(addresses, port, self._outside.connect)
        return upstream

    async def _carry(
        self, record: Connection, client: socket.socket, upstream: socket.socket
    ) -> None:
        reason = "cut"
        if self._buffer is None:
            self._buffer = memoryview(bytearray(BUFFER_SIZE))
        try:
            await relay(
                client,
                upstream,
                self._buffer,
                sent=record.carried_out,
                received=record.carried_in,
            )
            reason = ""
            client.close()
            upstream.close()
        except OSError as error:
            reason = words(error)
        finally:
            self._journal.end(record, reason)
            if upstream.fileno() >= 0:
                reset(upstream)

"""The connections that leave a machine: decided, dialled, carried."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

from agentos.errors import NetworkDenied
from agentos.machine.network import dial
from agentos.machine.network.hello import checked_opening
from agentos.machine.network.journal import Connection, Journal, words
from agentos.machine.network.outside import Outside
from agentos.machine.network.questions import Questions
from agentos.machine.network.reach import Decision, Reach
from agentos.machine.network.relay import BUFFER_SIZE, relay, reset
from agentos.machine.network.rules import HOST_NAME, host_of
from agentos.machine.network.tasks import Tasks


class Crossings:
    """Carry what comes through the doors to the hosts that it asked for.

    Args:
        reach: Says what may be reached.
        journal: Hears of each connection.
        outside: Resolves and connects.
        questions: Asks about hosts that no rule covers; None if nobody can be asked.
        capacity: How many connections to carry at once.
    """

    def __init__(
        self,
        reach: Reach,
        journal: Journal,
        outside: Outside,
        questions: Questions | None,
        capacity: int,
    ) -> None:
        self._reach = reach
        self._journal = journal
        self._outside = outside
        self._questions = questions
        self._capacity = capacity
        self._tasks = Tasks()
        self._places: dict[asyncio.Task[None], tuple[str, int]] = {}
        self._asking: set[asyncio.Task[None]] = set()
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
            if task not in self._asking and not self._reach.may_go_on(host, port):
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
            upstream, record.address = await self._reach_out(record, host, port)
        except NetworkDenied as denied:
            self._journal.refuse(record, "denied", denied.message)
        except OSError as error:
            self._journal.refuse(record, "failed", words(error))
        else:
            self._journal.begin(record)
            await self._carry(record, client, upstream)

    async def _reach_out(
        self, record: Connection, host: str, port: int
    ) -> tuple[socket.socket, str]:
        target = self._reach.route(host, port)
        if target is not None:
            record.rule = "route"
            return await self._outside.dial(await self._outside.addresses(target[0]), target[1])
        decision = await self._decide(host, port)
        record.rule = decision.rule
        if decision.action != "allow":
            raise NetworkDenied("the policy denies it")
        if host == HOST_NAME:
            return await self._outside.dial(["127.0.0.1"], port)
        if isinstance(host_of(host), str):
            return await self._reach_name(host, port, decision)
        if not decision.named:
            dial.permitted(host, [host], port, self._reach.policy)
        return await self._outside.dial_by_way(host, [host], port)

    async def _reach_name(
        self, name: str, port: int, decision: Decision
    ) -> tuple[socket.socket, str]:
        try:
            addresses = await self._outside.addresses(name)
        except OSError:
            # What a wildcard covers may be anybody's: where its names lead has to be checked.
            found = decision.named and await self._outside.dial_unresolved(name, port)
            if not found:
                raise
            return found
        checked = dial.permitted(name, addresses, port, self._reach.policy)
        return await self._outside.dial_by_way(name, checked, port)

    async def _decide(self, host: str, port: int) -> Decision:
        decision = self._reach.decide(host, port)
        if decision.action is not None or self._questions is None:
            return decision
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            await self._questions.settle(host, port)
        finally:
            self._asking.discard(task)
        return self._reach.decide(host, port)

    async def _carry(
        self, record: Connection, client: socket.socket, upstream: socket.socket
    ) -> None:
        reason = "cut"
        if self._buffer is None:
            self._buffer = memoryview(bytearray(BUFFER_SIZE))
        try:
            await self._open(record, client, upstream)
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
        except NetworkDenied as denied:
            record.verdict, reason = "denied", denied.message
        except OSError as error:
            reason = words(error)
        finally:
            self._journal.end(record, reason)
            if upstream.fileno() >= 0:
                reset(upstream)

    async def _open(
        self, record: Connection, client: socket.socket, upstream: socket.socket
    ) -> None:
        """Pass on what the client says first, unless it asks for another name than it came for."""
        own = record.rule == "route" or record.name == HOST_NAME
        if own or not isinstance(host_of(record.name), str):
            return
        said = await checked_opening(client, upstream, record.name)
        if said:
            await asyncio.get_running_loop().sock_sendall(upstream, said)
            record.carried_out(len(said))

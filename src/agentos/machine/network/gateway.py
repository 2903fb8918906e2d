"""A machine's way out: names instead of addresses, and a policy on each connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from agentos.machine.network import dial
from agentos.machine.network.addresses import NAMESERVER, AddressPool
from agentos.machine.network.crossings import Crossings, Outside
from agentos.machine.network.doors import Doors, Listeners
from agentos.machine.network.journal import Connection, Journal, words
from agentos.machine.network.names import Names
from agentos.machine.network.nameserver import Nameserver
from agentos.machine.network.policy import NetworkPolicy
from agentos.machine.network.reach import Reach, Target
from agentos.machine.network.rules import host_of

MOST_CONNECTIONS = 2048
MOST_LISTENERS = 512


class NetworkGateway:
    """Let a machine reach what its policy allows, and nothing else.

    It does nothing until `ensure_started`, `allow`, `apply` or `route` is
    called, and belongs to the event loop that they are called on.

    Args:
        listeners: Opens sockets inside the machine.
        policy: What may be reached; by default nothing.
        on_event: Called with each record once it is decided, and again if it ends later.
        resolve: Resolves a name on the host; by default as the host does.
        connect: Connects the host to an address.
        most_listeners: How many listening sockets to hold (each is a file descriptor).
        most_connections: How many connections to carry at once; more are refused.
    """

    def __init__(
        self,
        listeners: Listeners,
        policy: NetworkPolicy | None = None,
        *,
        on_event: Callable[[Connection], None] | None = None,
        resolve: dial.Resolve = dial.resolve,
        connect: dial.Connect = dial.connect,
        most_listeners: int = MOST_LISTENERS,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self._listeners = listeners
        self._journal = Journal(on_event)
        self._reach = Reach(policy or NetworkPolicy())
        self._outside = Outside(resolve, connect)
        self._most_connections = most_connections
        self._most_listeners = most_listeners
        self._nameserver: Nameserver | None = None
        self._changing = asyncio.Lock()
        self._stand()
        self._started = False
        self._closed = False

    def _stand(self) -> None:
        self._crossings = Crossings(
            self._reach, self._journal, self._outside, self._most_connections
        )
        self._doors = Doors(
            self._listeners, self._crossings.enter, self._keeps, capacity=self._most_listeners
        )
        pool = AddressPool(self._crossings.busy)
        self._names = Names(self._reach, pool, self._doors, self._journal)

    @property
    def policy(self) -> NetworkPolicy:
        """What may be reached now."""
        return self._reach.policy

    @property
    def on_event(self) -> Callable[[Connection], None] | None:
        """Called with each record once it is decided, and again if it ends later."""
        return self._journal.on_event

    @on_event.setter
    def on_event(self, listener: Callable[[Connection], None] | None) -> None:
        self._journal.on_event = listener

    @property
    def log(self) -> deque[Connection]:
        """The latest decisions, oldest first."""
        return self._journal.log

    async def ensure_started(self) -> None:
        """Start to answer, if there is anything that may be reached.

        Raises:
            OSError: The name server's sockets could not be opened.
            MachineError: The machine has ended.
        """
        async with self._changing:
            if self._closed or self._started or self._reach.nothing:
                return
            if self._nameserver is None:
                self._nameserver = await self._open_nameserver()
            await self._open_literal_doors()
            self._started = True

    async def allow(self, *entries: str) -> None:
        """Let the running machine reach more.

        Args:
            entries: As in `NetworkPolicy(allow=...)`.

        Raises:
            ConfigInvalid: An entry cannot be read; nothing has changed.
            OSError: The name server's sockets could not be opened.
            MachineError: The machine has ended.
        """
        await self.apply(self.policy.extended(allow=entries))

    async def apply(self, policy: NetworkPolicy) -> None:
        """Replace the policy of the running machine.

        Connections that the new policy does not allow are cut.

        Args:
            policy: What may be reached from now on.

        Raises:
            OSError: The name server's sockets could not be opened.
            MachineError: The machine has ended.
        """
        self._reach.policy = policy
        await self._follow()

    async def route(self, name: str, port: int, target: Target) -> None:
        """Lead one of AgentOS's own names to a place on the host.

        Args:
            name: A name under `agentos.internal`, for example `models.agentos.internal`.
            port: The TCP port inside the machine.
            target: Host and port outside; not subject to the policy.

        Raises:
            ConfigInvalid: The name cannot be routed.
            OSError: The name server's sockets could not be opened.
            MachineError: The machine has ended.
        """
        self._reach.set_route(name, port, target)
        await self._follow()

    async def unroute(self, name: str, port: int) -> None:
        """Take a route back and cut its connections.

        Args:
            name: A name under `agentos.internal`.
            port: Its port inside the machine.

        Raises:
            ConfigInvalid: The name cannot be routed.
        """
        self._reach.set_route(name, port, None)
        await self._follow()

    async def restart(self) -> None:
        """Begin again in a new network namespace, with the same policy, routes and log.

        Raises:
            OSError: The name server's sockets could not be opened.
        """
        await self.close()
        self._started = self._closed = False
        self._stand()
        await self.ensure_started()

    def beginning(self, listeners: Listeners) -> NetworkGateway:
        """Make a gateway for another machine that may reach what this one may."""
        other = NetworkGateway(
            listeners,
            self.policy,
            most_listeners=self._most_listeners,
            most_connections=self._most_connections,
        )
        other._outside = self._outside
        other._stand()
        return other

    async def close(self) -> None:
        """Close every listener and cut every connection."""
        self._closed = True
        self._doors.close()
        async with self._changing:
            nameserver, self._nameserver = self._nameserver, None
        if nameserver is not None:
            await nameserver.close()
        await self._crossings.close()

    async def _open_nameserver(self) -> Nameserver:
        udp = await self._listeners.listen(NAMESERVER, 53, "udp")
        tcp = None
        try:
            tcp = await self._listeners.listen(NAMESERVER, 53, "tcp")
        finally:
            if tcp is None:
                udp.close()
        return Nameserver(udp, tcp, self._names.answer)

    async def _follow(self) -> None:
        """Bring connections and doors into line with policy and routes."""
        self._crossings.cut_forbidden()
        if not self._started:
            await self.ensure_started()
            return
        async with self._changing:
            for host, address in self._doors.places():
                ports = self._reach.ports_for(host)
                self._doors.keep(host, ports)
                await self._open(host, address)
            await self._open_literal_doors()

    async def _open_literal_doors(self) -> None:
        for address in self.policy.addresses():
            await self._open(str(address), str(address))

    async def _open(self, host: str, address: str) -> None:
        failures = await self._doors.open(host, address, self._reach.ports_for(host))
        for port, error in failures.items():
            self._journal.refuse(Connection(host, port), "failed", words(error))

    def _keeps(self, host: str) -> bool:
        """Whether a host's doors must stay: in use, or no look-up would open them again."""
        return self._crossings.busy(host) or not isinstance(host_of(host), str)

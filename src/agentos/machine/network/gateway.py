"""A machine's way out: names instead of addresses, and a policy on each connection."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from agentos.machine.network import dial
from agentos.machine.network.addresses import NAMESERVER, AddressPool
from agentos.machine.network.crossings import Crossings
from agentos.machine.network.decision_log import DecisionLog
from agentos.machine.network.doors import Doors, Inside
from agentos.machine.network.journal import Connection, Journal, forget, words
from agentos.machine.network.names import Entrances, Names
from agentos.machine.network.nameserver import Nameserver
from agentos.machine.network.outside import Outside
from agentos.machine.network.policy import NetworkPolicy
from agentos.machine.network.questions import OnRequest, Questions
from agentos.machine.network.reach import Reach, Target
from agentos.machine.network.rules import host_of

if TYPE_CHECKING:
    from agentos.machine.network.proxy import Proxies

MOST_CONNECTIONS = 2048
MOST_LISTENERS = 512

#: What a kernel answers that has not all of the packet filter, or keeps it from us.
_NO_REDIRECT = frozenset(
    {
        *(errno.EPROTONOSUPPORT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.ENOPROTOOPT),
        *(errno.ENOENT, errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES),
    }
)


class NetworkGateway:
    """Let a machine reach what its policy allows, and nothing else.

    It does nothing until `ensure_started`, `allow`, `apply` or `route` is
    called, and belongs to the event loop that they are called on.

    Args:
        inside: Opens sockets inside the machine.
        policy: What may be reached; by default nothing.
        on_request: Asked about each host and port that no rule covers, once.
        on_event: Called with each record once it is decided, and again if it ends later.
        resolve: Resolves a name on the host; by default as the host does.
        connect: Connects the host to an address.
        proxies: The host's own proxy settings; by default those of the environment.
        decision_log: Keeps the decisions in the store; closed by `close`.
        most_listeners: How many listening sockets to hold where the kernel cannot redirect.
        most_connections: How many connections to carry at once; more are refused.
    """

    def __init__(
        self,
        inside: Inside,
        policy: NetworkPolicy | None = None,
        *,
        on_request: OnRequest | None = None,
        on_event: Callable[[Connection], None] | None = None,
        resolve: dial.Resolve = dial.resolve,
        connect: dial.Connect = dial.connect,
        proxies: Proxies | None = None,
        decision_log: DecisionLog | None = None,
        most_listeners: int = MOST_LISTENERS,
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self._inside = inside
        self._decision_log = decision_log
        self._journal = Journal(on_event, decision_log.note if decision_log else forget)
        self._reach = Reach(policy or NetworkPolicy())
        self._outside = Outside(resolve, connect, proxies)
        self._on_request = on_request
        self._most_connections = most_connections
        self._most_listeners = most_listeners
        self._nameserver: Nameserver | None = None
        self._entrances: Entrances | None = None
        self._changing = asyncio.Lock()
        self._stand()
        self._closed = False

    def _stand(self) -> None:
        self._questions = None
        if self._on_request is not None:
            self._questions = Questions(self._reach, self._on_request, self._follow)
        self._reach.asking = self._questions is not None
        self._crossings = Crossings(
            self._reach, self._journal, self._outside, self._questions, self._most_connections
        )
        self._pool = AddressPool(self._crossings.busy)

    @property
    def policy(self) -> NetworkPolicy:
        """What may be reached now."""
        return self._reach.policy

    @property
    def redirects(self) -> bool:
        """Whether every port leads here; if not, it listens port by port, once it has started."""
        return self._entrances is not None and not isinstance(self._entrances, Doors)

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
            ConfigInvalid: The environment of the host names a proxy that cannot be used.
            OSError: The name server's sockets could not be opened.
            MachineError: The machine has ended.
        """
        async with self._changing:
            if self._closed or self._nameserver is not None or self._reach.nothing:
                return
            _ = self._outside.proxies  # settings that cannot be used are an error now, not later
            self._entrances = self._entrances or await self._open_entrances()
            names = Names(self._reach, self._pool, self._entrances, self._journal)
            self._nameserver = await self._open_nameserver(names)

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

    async def deny(self, *entries: str) -> None:
        """Let the running machine reach less.

        Args:
            entries: As in `NetworkPolicy(deny=...)`.

        Raises:
            ConfigInvalid: An entry cannot be read; nothing has changed.
            MachineError: The machine has ended.
        """
        await self.apply(self.policy.extended(deny=entries))

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
        self._closed = False
        self._stand()
        await self.ensure_started()

    def beginning(self, inside: Inside, decision_log: DecisionLog | None = None) -> NetworkGateway:
        """Make a gateway for another machine that may reach what this one may."""
        other = NetworkGateway(
            inside,
            self.policy,
            on_request=self._on_request,
            decision_log=decision_log,
            most_listeners=self._most_listeners,
            most_connections=self._most_connections,
        )
        other._outside = self._outside
        other._stand()
        return other

    async def close(self) -> None:
        """Close every listener and cut every connection."""
        self._closed = True
        async with self._changing:
            entrances, self._entrances = self._entrances, None
            nameserver, self._nameserver = self._nameserver, None
        if entrances is not None:
            entrances.close()
        if nameserver is not None:
            await nameserver.close()
        if self._questions is not None:
            await self._questions.close()
        await self._crossings.close()
        if self._decision_log is not None:
            await self._decision_log.close()

    async def _open_nameserver(self, names: Names) -> Nameserver:
        udp = await self._inside.listen(NAMESERVER, 53, "udp")
        tcp = None
        try:
            tcp = await self._inside.listen(NAMESERVER, 53, "tcp")
        finally:
            if tcp is None:
                udp.close()
        return Nameserver(udp, tcp, names.answer)

    async def _open_entrances(self) -> Entrances:
        """Redirect what leaves; where the machine's kernel cannot, listen port by port."""
        from agentos.machine.network.redirect import Redirect

        try:
            return await Redirect.install(
                self._inside, self._reach, self._pool.name_of, self._crossings.enter, self._refused
            )
        except OSError as error:
            if error.errno not in _NO_REDIRECT:
                raise
            doors = Doors(
                self._inside,
                self._reach,
                self._crossings.enter,
                self._no_door,
                self._keeps,
                capacity=self._most_listeners,
            )
            await doors.follow()
            return doors

    async def _follow(self) -> None:
        """Bring connections and entrances into line with policy and routes."""
        self._crossings.cut_forbidden()
        await self.ensure_started()
        async with self._changing:
            if self._entrances is not None:
                await self._entrances.follow()

    def _refused(self, host: str, port: int) -> None:
        rule = self._reach.decide(host, port).rule
        self._journal.refuse(Connection(host, port, rule=rule), "denied", "connection refused")

    def _no_door(self, host: str, port: int, error: OSError) -> None:
        self._journal.refuse(Connection(host, port), "failed", words(error))

    def _keeps(self, host: str) -> bool:
        """Whether a host's doors must stay: in use, or no look-up would open them again."""
        return self._crossings.busy(host) or not isinstance(host_of(host), str)

"""Names inside a machine: which exist, and at which synthetic address."""

from __future__ import annotations

from typing import Protocol

from agentos.machine.network.addresses import AddressPool
from agentos.machine.network.dns import AAAA, PTR, A, Code, Query, encode_name, reverse_address
from agentos.machine.network.journal import Connection, Journal, words
from agentos.machine.network.ports import Ports
from agentos.machine.network.ranges import Address
from agentos.machine.network.reach import Reach
from agentos.machine.network.rules import host_of


class Entrances(Protocol):
    """Leads connections to an address in the machine to the gateway: `Redirect` or `Doors`."""

    async def open(self, host: str, address: Address, ports: Ports) -> None:
        """Let connections to a host's address in; raises `OSError` if that cannot be done."""

    async def follow(self) -> None:
        """Bring everything into line with policy and routes."""

    def close(self) -> None:
        """Let nothing in any more."""


class Names:
    """Answer a machine's DNS queries.

    Args:
        reach: Says what may be reached.
        pool: Gives each name its address.
        entrances: Opened for that address before it is told.
        journal: Hears of names that are denied.
    """

    def __init__(
        self, reach: Reach, pool: AddressPool, entrances: Entrances, journal: Journal
    ) -> None:
        self._reach = reach
        self._pool = pool
        self._entrances = entrances
        self._journal = journal

    async def answer(self, query: Query) -> bytes:
        """Make the reply to one query.

        Args:
            query: The query.

        Returns:
            The reply's packet; NXDOMAIN for a name that the policy does not allow.
        """
        if query.type == PTR:
            return self._answer_reverse(query)
        name = query.name
        if name is None or not isinstance(host_of(name), str):
            return query.reply(Code.NXDOMAIN)
        ports = self._reach.ports_for(name)
        if not ports:
            self._deny(name, query.type)
            return query.reply(Code.NXDOMAIN)
        if query.type not in (A, AAAA):
            return query.reply()
        return await self._answer_address(query, name, ports)

    async def _answer_address(self, query: Query, name: str, ports: Ports) -> bytes:
        address = self._pool.assign(name, version=4 if query.type == A else 6)
        if address is None:
            self._journal.refuse(Connection(name, None), "failed", "no address is free")
            return query.reply(Code.SERVFAIL)
        try:
            # Before the answer, so that no connection can be faster than its entrance.
            await self._entrances.open(name, address, ports)
        except OSError as error:
            if query.type == AAAA:
                # A kernel without IPv6: the name simply has no such address.
                return query.reply()
            self._journal.refuse(Connection(name, None), "failed", words(error))
            return query.reply(Code.SERVFAIL)
        return query.reply(data=address.packed)

    def _answer_reverse(self, query: Query) -> bytes:
        address = reverse_address(query.name or "")
        name = self._pool.name_of(address) if address is not None else None
        if name is None or not self._reach.ports_for(name):
            return query.reply(Code.NXDOMAIN)
        return query.reply(data=encode_name(name))

    def _deny(self, name: str, kind: int) -> None:
        # A resolver asks for both kinds of address at once: one record is enough.
        log = self._journal.log
        told = log and log[-1].name == name and log[-1].port is None
        if kind in (A, AAAA) and not told:
            self._journal.refuse(Connection(name, None), "denied", "no rule allows this name")

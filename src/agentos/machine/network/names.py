"""Names inside a machine: which exist, and at which synthetic address."""

from __future__ import annotations

from agentos.machine.network.addresses import AddressPool
from agentos.machine.network.dns import AAAA, PTR, A, Code, Query, encode_name, reverse_address
from agentos.machine.network.doors import Doors
from agentos.machine.network.journal import Connection, Journal, words
from agentos.machine.network.reach import Reach
from agentos.machine.network.rules import host_of


class Names:
    """Answer a machine's DNS queries.

    Args:
        reach: Says what may be reached.
        pool: Gives each name its address.
        doors: Opened on that address before it is told.
        journal: Hears of names that are denied.
    """

    def __init__(self, reach: Reach, pool: AddressPool, doors: Doors, journal: Journal) -> None:
        self._reach = reach
        self._pool = pool
        self._doors = doors
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

    async def _answer_address(self, query: Query, name: str, ports: frozenset[int]) -> bytes:
        address = self._pool.assign(name, version=4 if query.type == A else 6)
        if address is None:
            self._journal.refuse(Connection(name, None), "failed", "no address is free")
            return query.reply(Code.SERVFAIL)
        # Before the answer, so that no connection can be faster than its door.
        failures = await self._doors.open(name, str(address), ports)
        nothing_opened = len(failures) == len(ports)
        if nothing_opened and query.type == AAAA:
            # A kernel without IPv6: the name simply has no such address.
            return query.reply()
        for port, error in failures.items():
            self._journal.refuse(Connection(name, port), "failed", words(error))
        if nothing_opened:
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

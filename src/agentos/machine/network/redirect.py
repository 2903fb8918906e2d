"""Every connection that leaves a machine, on whatever port, brought to one socket.

A table in the machine's own packet filter does it. On the way out of a program (`out`) what the
policy does not allow is refused, so that the program sees "connection refused" at once; what is
left is handed (`in`) to one transparent socket, whose local address then is the one that the
program asked for. Loopback is left alone, and so is every port: a server in the machine may
listen wherever it likes. The table spares programs a wait; what may be reached is decided once
more, outside, for each connection.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, ip_address

from agentos.machine.network import nftables as nft
from agentos.machine.network.addresses import NAMESERVER
from agentos.machine.network.doors import Door, Enter, Inside, OnRefusal
from agentos.machine.network.packet_log import PacketLog
from agentos.machine.network.ports import Ports
from agentos.machine.network.ranges import SYNTHETIC_V4, SYNTHETIC_V6, Address
from agentos.machine.network.reach import Reach
from agentos.machine.network.relay import reset
from agentos.machine.network.table import (
    GATEWAY_V6,
    LOG_GROUP,
    PORT,
    Element,
    changes,
    elements_of,
    literal_rules,
    table,
)

NameOf = Callable[[Address], str | None]


class Redirect:
    """The table of one machine, and the sockets that it leads to.

    Args:
        netfilter: The machine's packet filter; the table is there.
        opened: What `close` closes.
        reach: Says what may be reached.
        name_of: Finds the name that a synthetic address was given to.
        v6: Whether the machine has IPv6.
    """

    def __init__(
        self,
        netfilter: nft.Netfilter,
        opened: contextlib.ExitStack,
        reach: Reach,
        name_of: NameOf,
        *,
        v6: bool,
    ) -> None:
        self._netfilter = netfilter
        self._opened = opened
        self._reach = reach
        self._name_of = name_of
        self._v6 = v6
        self._elements: dict[IPv4Address, frozenset[Element]] = {}

    @classmethod
    async def install(
        cls, inside: Inside, reach: Reach, name_of: NameOf, enter: Enter, refused: OnRefusal
    ) -> Redirect:
        """Put the table into a machine.

        Args:
            inside: Opens the sockets.
            reach: Says what may be reached.
            name_of: Finds the name that a synthetic address was given to.
            enter: Takes the host, the port and the socket of each connection.
            refused: Hears of the host and the port of each connection that was refused.

        Raises:
            OSError: The machine's kernel cannot do it.
            MachineError: The machine has ended.
        """
        entrance = _entrance(name_of, enter)
        with contextlib.ExitStack() as opened:
            netfilter = nft.Netfilter(await _open_netlink(inside))
            opened.callback(netfilter.close)
            v4 = await inside.listen(NAMESERVER, PORT, "transparent")
            opened.callback(Door(v4, entrance).close)
            v6 = await _listen_v6(inside)
            if v6 is not None:
                opened.callback(Door(v6, entrance).close)
            log = PacketLog(await _open_netlink(inside), LOG_GROUP, _telling(name_of, refused))
            opened.callback(log.close)
            netfilter.apply(table(v6=v6 is not None))
            netfilter.apply(literal_rules(reach.policy, asking=reach.asking))
            return cls(netfilter, opened.pop_all(), reach, name_of, v6=v6 is not None)

    async def open(self, host: str, address: Address, ports: Ports) -> None:
        """Let connections to a name's address through.

        Args:
            host: The name.
            address: Its synthetic address.
            ports: On which ports.

        Raises:
            OSError: The kernel refused, or it has no IPv6.
        """
        if address.version == 6 and not self._v6:
            raise OSError("the machine's kernel has no IPv6")
        self._change({_in_v4(address): elements_of(_in_v4(address), ports)})

    async def follow(self) -> None:
        """Bring the table into line with policy and routes."""
        self._netfilter.apply(literal_rules(self._reach.policy, asking=self._reach.asking))
        wanted = {}
        for address in self._elements:
            name = self._name_of(address)
            ports = self._reach.ports_for(name) if name is not None else Ports()
            wanted[address] = elements_of(address, ports)
        self._change(wanted)

    def close(self) -> None:
        """Let go of the sockets; the table leads to nothing then."""
        self._opened.close()

    def _change(self, wanted: dict[IPv4Address, frozenset[Element]]) -> None:
        gone: list[Element] = []
        new: list[Element] = []
        for address, elements in wanted.items():
            present = self._elements.get(address, frozenset())
            gone += present - elements
            new += elements - present
        self._netfilter.apply(changes(gone, new))
        self._elements |= wanted


async def _open_netlink(inside: Inside) -> socket.socket:
    return await inside.open_socket(socket.AF_NETLINK, socket.SOCK_RAW, nft.NETLINK_NETFILTER)


async def _listen_v6(inside: Inside) -> socket.socket | None:
    try:
        return await inside.listen(GATEWAY_V6, PORT, "transparent")
    except OSError:
        return None  # a kernel without IPv6: names have no such address then


def _entrance(name_of: NameOf, enter: Enter) -> Callable[[socket.socket], None]:
    def arrived(client: socket.socket) -> None:
        address, port = client.getsockname()[:2]
        host = _host(name_of, address)
        if host is None:
            reset(client)  # an address that its name has lost meanwhile
        else:
            enter(host, port, client)

    return arrived


def _telling(name_of: NameOf, refused: OnRefusal) -> Callable[[str, int], None]:
    def tell(address: str, port: int) -> None:
        refused(_host(name_of, address) or address, port)

    return tell


def _host(name_of: NameOf, text: str) -> str | None:
    address = ip_address(text.partition("%")[0])  # a scope is the machine's own affair
    if address in SYNTHETIC_V4 or address in SYNTHETIC_V6:
        return name_of(address)
    return str(address)


def _in_v4(address: Address) -> IPv4Address:
    """A synthetic IPv6 address ends in the IPv4 one of the same name."""
    return IPv4Address(int(address) & 0xFFFFFFFF)

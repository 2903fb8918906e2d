"""The table of a machine's packet filter that leads its connections to the gateway.

```
out   (each program's packets)     in   (the same packets, on loopback)
  not the first of a connection?     loopback? let through
  loopback?       let through        hand to the gateway's socket
  a name's address and port:
    in shut?      refuse
    in open, all? let through
    else          refuse
  literals: the policy's rules for addresses, the last one first
  else            refuse
```
"""

from __future__ import annotations

import functools
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network

from agentos.machine.network import nftables as nft
from agentos.machine.network.addresses import NAMESERVER
from agentos.machine.network.packet_log import PacketLog
from agentos.machine.network.policy import NetworkPolicy
from agentos.machine.network.ports import Ports
from agentos.machine.network.ranges import SPECIAL, SYNTHETIC_V4, SYNTHETIC_V6, Network

#: Where the gateway listens: a port that no server wants, on addresses of our own.
PORT = 1
GATEWAY_V6 = str(SYNTHETIC_V6[1])
LOG_GROUP = 1

_TABLE = "agentos"
_V4, _V6, _TCP = 2, 10, 6
_HOOK_PREROUTING, _HOOK_OUTPUT, _MANGLE = 0, 3, -150
_SYN, _SYN_ACK = b"\x02", b"\x12"
_MOST_LOGGED = 1000  # refusals a second that are told


@dataclass(frozen=True, slots=True)
class Element:
    """A key in one of the sets of the table: `open`, `shut` (address and port) or `all`."""

    set: str
    key: bytes


def elements_of(address: IPv4Address, ports: Ports) -> frozenset[Element]:
    """Say what the sets hold about a name's address."""

    def keys(name: str, numbers: frozenset[int]) -> Iterator[Element]:
        for number in numbers:
            yield Element(name, address.packed + number.to_bytes(2, "big") + b"\0\0")

    everything = {Element("all", address.packed)} if ports.others == "allow" else set()
    return frozenset([*keys("open", ports.open), *keys("shut", ports.shut), *everything])


def changes(gone: Sequence[Element], new: Sequence[Element]) -> Iterator[nft.Command]:
    """Take elements out of the sets, and put others in."""
    for change, elements in ((nft.delete_elements, gone), (nft.add_elements, new)):
        for name in ("open", "shut", "all"):
            keys = [element.key for element in elements if element.set == name]
            for start in range(0, len(keys), 1000):
                yield change(_TABLE, name, keys[start : start + 1000])


@functools.cache
def table(*, v6: bool) -> tuple[nft.Command, ...]:
    """Make the table; nothing is open yet."""
    return tuple(_table(v6=v6))


def _table(*, v6: bool) -> Iterator[nft.Command]:
    yield nft.new_table(_TABLE)
    yield nft.delete_table(_TABLE)  # an earlier gateway's
    yield nft.new_table(_TABLE)
    yield nft.new_set(_TABLE, "open", 8, 1)
    yield nft.new_set(_TABLE, "shut", 8, 2)
    yield nft.new_set(_TABLE, "all", 4, 3)
    yield nft.new_chain(_TABLE, "refuse")
    yield nft.new_chain(_TABLE, "literals")
    yield nft.new_chain(_TABLE, "names")
    yield nft.new_chain(_TABLE, "out", _HOOK_OUTPUT)
    yield nft.new_chain(_TABLE, "in", _HOOK_PREROUTING, _MANGLE)
    yield nft.new_rule(
        _TABLE, "refuse", nft.limit(_MOST_LOGGED), nft.log(LOG_GROUP, PacketLog.SIZE)
    )
    yield nft.new_rule(_TABLE, "refuse", nft.reset())
    yield from _out()
    yield from _in(v6=v6)


def _out() -> Iterator[nft.Command]:
    """Decide about the first packet of each connection."""
    flags = nft.load("transport", 13, 1)
    only_first = nft.mask(_SYN_ACK), nft.compare(_SYN, equal=False)
    yield nft.new_rule(_TABLE, "out", nft.protocol(_TCP), flags, *only_first, nft.accept())
    yield from _spare_loopback("out")
    # Both families end in the same four bytes: the number of the name, and one set serves both.
    for number, offset, matches in (
        (_V4, 16, _to(SYNTHETIC_V4)),
        (_V6, 36, _to(SYNTHETIC_V6)),
    ):
        address = nft.load("network", offset, 4)
        place = address + nft.load("transport", 2, 2, nft.SECOND)
        names = nft.family(number) + matches
        for name, load, verdict in (
            ("shut", place, nft.jump("refuse")),
            ("open", place, nft.accept()),
            ("all", address, nft.accept()),
        ):
            yield nft.new_rule(_TABLE, "out", _only_tcp(), names, load, nft.look_up(name), verdict)
        yield nft.new_rule(_TABLE, "out", _only_tcp(), names, nft.jump("refuse"))
    yield nft.new_rule(_TABLE, "out", _only_tcp(), nft.jump("literals"))
    yield nft.new_rule(_TABLE, "out", _only_tcp(), nft.jump("refuse"))


def _in(*, v6: bool) -> Iterator[nft.Command]:
    """Hand what was let through to the gateway."""
    yield from _spare_loopback("in")
    hand = nft.hand_to(_V4, socket.inet_aton(NAMESERVER), PORT)
    yield nft.new_rule(_TABLE, "in", _only_tcp(), nft.family(_V4), hand)
    if v6:
        hand = nft.hand_to(_V6, socket.inet_pton(socket.AF_INET6, GATEWAY_V6), PORT)
        yield nft.new_rule(_TABLE, "in", _only_tcp(), nft.family(_V6), hand)


def _spare_loopback(chain: str) -> Iterator[nft.Command]:
    for text in ("127.0.0.0/8", f"{NAMESERVER}/32", "::1/128"):
        yield nft.new_rule(_TABLE, chain, _towards(ip_network(text)), nft.accept())


def literal_rules(policy: NetworkPolicy, *, asking: bool) -> Iterator[nft.Command]:
    """Replace the rules for literal addresses."""

    yield nft.empty_chain(_TABLE, "literals")
    for literal in policy.literal_rules():
        verdict = nft.accept() if literal.action == "allow" else nft.jump("refuse")
        for port in literal.ports or [None]:
            on = b"" if port is None else _on_port(port)
            if literal.network is not None:
                yield _literal(_towards(literal.network), on, verdict)
            else:
                yield from _public(on)
    if asking:
        yield _literal(nft.accept())


@functools.cache
def _public(on: bytes) -> tuple[nft.Command, ...]:
    """Let through what lies in no special range."""
    refused = [_literal(_towards(r.network), on, nft.jump("refuse")) for r in SPECIAL]
    return (*refused, _literal(on, nft.accept()))


def _literal(*expressions: bytes) -> nft.Command:
    return nft.new_rule(_TABLE, "literals", *expressions)


def _only_tcp() -> bytes:
    return nft.protocol(_TCP)


def _on_port(port: int) -> bytes:
    return nft.load("transport", 2, 2) + nft.compare(port.to_bytes(2, "big"))


def _towards(network: Network) -> bytes:
    return nft.family(_V4 if network.version == 4 else _V6) + _to(network)


def _to(network: Network) -> bytes:
    address = network.network_address.packed
    load = nft.load("network", 16 if network.version == 4 else 24, len(address))
    return load + nft.mask(network.netmask.packed) + nft.compare(address)

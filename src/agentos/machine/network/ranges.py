"""Addresses that a public name must never lead to."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SYNTHETIC_V4 = IPv4Network("198.18.0.0/15")
SYNTHETIC_V6 = IPv6Network("fd00:a605::/64")


@dataclass(frozen=True, slots=True)
class Range:
    """Special addresses: what they are, and how an allow rule may name them all the same."""

    network: Network
    what: str
    nameable: Literal["as a network", "one by one", "never"] = "as a network"


def special_range(address: Address) -> Range | None:
    """Find the special range that an address lies in.

    Args:
        address: An address that a name resolved to.

    Returns:
        The range, or None for an ordinary public address.
    """
    inner = _carried_v4(address)
    if inner is not None:
        return special_range(inner)
    return next((special for special in SPECIAL if address in special.network), None)


def never_reachable(place: Network | Address) -> Range | None:
    """Find a range, touched by this address or network, that no rule may name."""
    network = ip_network(place)
    for special in SPECIAL:
        if special.nameable == "never" and _overlap(special.network, network):
            return special
    return None


def _carried_v4(address: Address) -> IPv4Address | None:
    """The IPv4 address that a translator (NAT64, 6to4) would be asked to reach."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour


def _overlap(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network):
        return isinstance(other, IPv4Network) and one.overlaps(other)
    return isinstance(other, IPv6Network) and one.overlaps(other)


_NAT64 = IPv6Network("64:ff9b::/96")

#: The first match counts, so the narrow ones come first.
SPECIAL = (
    Range(ip_network("169.254.169.254/32"), "cloud metadata", "one by one"),
    Range(ip_network("fd00:ec2::254/128"), "cloud metadata", "one by one"),
    Range(ip_network("100.100.100.200/32"), "cloud metadata", "one by one"),
    Range(ip_network("168.63.129.16/32"), "cloud metadata", "one by one"),
    Range(SYNTHETIC_V4, "an address of the machine's own", "never"),
    Range(SYNTHETIC_V6, "an address of the machine's own", "never"),
    Range(ip_network("0.0.0.0/8"), "unspecified", "never"),
    Range(ip_network("127.0.0.0/8"), "loopback", "never"),
    Range(ip_network("::/96"), "loopback or unspecified", "never"),
    Range(ip_network("::ffff:0:0/96"), "IPv4-mapped", "never"),
    Range(ip_network("224.0.0.0/4"), "multicast", "never"),
    Range(ip_network("ff00::/8"), "multicast", "never"),
    Range(ip_network("240.0.0.0/4"), "reserved", "never"),
    Range(ip_network("169.254.0.0/16"), "link-local", "one by one"),
    Range(ip_network("fe80::/10"), "link-local", "one by one"),
    Range(ip_network("10.0.0.0/8"), "private"),
    Range(ip_network("172.16.0.0/12"), "private"),
    Range(ip_network("192.168.0.0/16"), "private"),
    Range(ip_network("192.0.0.0/24"), "private"),
    Range(ip_network("100.64.0.0/10"), "carrier-grade NAT"),
    Range(ip_network("fc00::/7"), "private"),
    Range(ip_network("fec0::/10"), "private"),
    Range(ip_network("64:ff9b:1::/48"), "private"),
    Range(ip_network("2001::/32"), "a Teredo tunnel"),
)

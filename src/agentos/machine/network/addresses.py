"""Synthetic addresses: each name that a machine may reach gets its own."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from agentos.machine.network.ranges import SYNTHETIC_V4, SYNTHETIC_V6, Address

NAMESERVER = "198.18.0.1"
_FIRST = 256


class AddressPool:
    """Give names addresses, for as long as there are some.

    A name keeps its address, so that a client may remember it. When `capacity`
    names have one, the name that was asked for least recently gives its
    address up.

    Args:
        busy: Says whether a name has live connections; such a name keeps its address.
        capacity: How many names may have an address at once.
    """

    def __init__(self, busy: Callable[[str], bool], *, capacity: int = 16_384) -> None:
        if not 0 < capacity <= SYNTHETIC_V4.num_addresses - _FIRST:
            raise ValueError(f"no room for {capacity} synthetic addresses")
        self._busy = busy
        self._capacity = capacity
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._names: dict[int, str] = {}

    def assign(self, name: str, *, version: int) -> Address | None:
        """Give a name its address.

        Args:
            name: The name asked for.
            version: 4 or 6.

        Returns:
            The address; None if every address is in use by live connections.
        """
        number = self._numbers.get(name)
        if number is None:
            number = self._free_number()
            if number is None:
                return None
            self._numbers[name] = number
            self._names[number] = name
        self._numbers.move_to_end(name)
        v4 = SYNTHETIC_V4[number]
        # The IPv6 address shows the IPv4 one in its last 32 bits: fd00:a605::198.18.1.0.
        return v4 if version == 4 else SYNTHETIC_V6[int(v4)]

    def name_of(self, address: Address) -> str | None:
        """Find the name that an address was given to."""
        if isinstance(address, IPv6Address):
            if address not in SYNTHETIC_V6:
                return None
            address = IPv4Address(int(address) & 0xFFFFFFFF)
        return self._names.get(int(address) - int(SYNTHETIC_V4[0]))

    def _free_number(self) -> int | None:
        if len(self._numbers) < self._capacity:
            return _FIRST + len(self._numbers)
        idle = next((name for name in self._numbers if not self._busy(name)), None)
        if idle is None:
            return None
        number = self._numbers.pop(idle)
        del self._names[number]
        return number

"""How the host resolves names and connects: directly, or by way of its own proxies."""

from __future__ import annotations

import os
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING

from agentos.machine.network import dial
from agentos.machine.network.rules import host_of

if TYPE_CHECKING:
    from agentos.machine.network.proxy import Proxies


class Outside:
    """How the host resolves names and connects to addresses.

    Args:
        resolve: Resolves a name.
        connect: Connects to an address.
        proxies: The host's own proxy settings; by default those of the environment.
    """

    def __init__(
        self,
        resolve: dial.Resolve = dial.resolve,
        connect: dial.Connect = dial.connect,
        proxies: Proxies | None = None,
    ) -> None:
        self.resolve = resolve
        self.connect = connect
        self._proxies = proxies

    @property
    def proxies(self) -> Proxies:
        """The host's own proxy settings, read when they are first needed.

        Raises:
            ConfigInvalid: The environment names a proxy that cannot be used.
        """
        if self._proxies is None:
            from agentos.machine.network.proxy import Proxies

            self._proxies = Proxies.of(os.environ)
        return self._proxies

    async def addresses(self, host: str) -> list[str]:
        """Find the addresses of a name, or of a literal address itself."""
        if isinstance(host_of(host), str):
            return list(await self.resolve(host))
        return [str(ip_address(host))]

    async def dial(self, addresses: list[str], port: int) -> tuple[socket.socket, str]:
        """Connect to the first of these addresses that answers, and to no other."""
        return await dial.connect_first(addresses, port, self.connect)

    async def dial_by_way(
        self, name: str, addresses: list[str], port: int
    ) -> tuple[socket.socket, str]:
        """Connect to the first of a name's addresses, through the host's proxy if it has one."""
        from agentos.machine.network.proxy import tunnel

        async def by_way(address: str, port: int) -> socket.socket:
            proxy = self.proxies.leading_to(name, port) and self.proxies.leading_to(address, port)
            if proxy is None:
                return await self.connect(address, port)
            return await tunnel(proxy, address, port, self._connect_to_proxy)

        return await dial.connect_first(addresses, port, by_way)

    async def dial_unresolved(self, name: str, port: int) -> tuple[socket.socket, str] | None:
        """Connect to a name that only the host's proxy can resolve; None if there is no proxy."""
        from agentos.machine.network.proxy import tunnel

        proxy = self.proxies.leading_to(name, port)
        if proxy is None:
            return None
        return await tunnel(proxy, name, port, self._connect_to_proxy), name

    async def _connect_to_proxy(self, host: str, port: int) -> socket.socket:
        return (await self.dial(await self.addresses(host), port))[0]

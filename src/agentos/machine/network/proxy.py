"""The host's own proxy settings, honoured on the way out."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Literal
from urllib.parse import unquote, urlsplit

from agentos.errors import ConfigInvalid

TUNNEL_SECONDS = 20.0
_MOST_HEADER_BYTES = 16 * 1024
_DEFAULT_PORTS = {"http": 80, "socks5": 1080, "socks5h": 1080}
_SOCKS_REASONS = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "timed out",
    7: "command not supported",
    8: "address type not supported",
}


class TunnelFailed(OSError):
    """The proxy did not connect us."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """One proxy.

    Attributes:
        kind: How it is spoken to.
        host: Where it is.
        port: Its TCP port.
        user: A user name, or empty.
        password: The password.
    """

    kind: Literal["http", "socks5"]
    host: str
    port: int
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, url: str) -> Proxy:
        """Read a proxy's URL.

        Raises:
            ConfigInvalid: It is none, or of a kind that is not supported.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError:
            raise _unusable(url) from None
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise _unusable(url)
        return cls(
            "http" if parts.scheme == "http" else "socks5",
            parts.hostname,
            port or _DEFAULT_PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy leads to a host.

    Args:
        http: For port 80.
        other: For every other port.
        direct: Entries of `NO_PROXY`: names, domains, addresses, networks, `*`.
    """

    http: Proxy | None = None
    other: Proxy | None = None
    direct: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Proxies:
        """Read `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.

        Raises:
            ConfigInvalid: One of them cannot be used.
        """

        def setting(*names: str) -> str:
            spellings = [spelling for name in names for spelling in (name.lower(), name)]
            return next((environment[name] for name in spellings if environment.get(name)), "")

        http, other = setting("HTTP_PROXY", "ALL_PROXY"), setting("HTTPS_PROXY", "ALL_PROXY")
        direct = tuple(word.strip().lower() for word in setting("NO_PROXY").split(","))
        return cls(
            Proxy.parse(http) if http else None,
            Proxy.parse(other) if other else None,
            tuple(filter(None, direct)),
        )

    def leading_to(self, host: str, port: int) -> Proxy | None:
        """Find the proxy for a host, by name or address; None if it is reached directly."""
        proxy = self.http if port == 80 else self.other
        if proxy is None or any(_covers(entry, host) for entry in self.direct):
            return None
        return proxy


async def tunnel(
    proxy: Proxy,
    host: str,
    port: int,
    connect: Callable[[str, int], Awaitable[socket.socket]],
) -> socket.socket:
    """Connect to a host by way of a proxy.

    Args:
        proxy: The proxy.
        host: What it is asked for: an address, or a name that it resolves.
        port: A TCP port.
        connect: Connects to the proxy's host and port.

    Returns:
        A connected, non-blocking socket.

    Raises:
        TunnelFailed: The proxy refused.
        OSError: The proxy cannot be reached, or broke off.
    """
    sock = await connect(proxy.host, proxy.port)
    open_tunnel = _connect_http if proxy.kind == "http" else _connect_socks
    try:
        async with asyncio.timeout(TUNNEL_SECONDS):
            await open_tunnel(_Talk(sock), proxy, host, port)
    except BaseException:
        sock.close()
        raise
    return sock


class _Talk:
    """Says and hears exact numbers of bytes: what follows belongs to the tunnel."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._loop = asyncio.get_running_loop()

    async def say(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._sock, data)

    async def hear(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            chunk = await self._loop.sock_recv(self._sock, size - len(data))
            if not chunk:
                raise TunnelFailed("the proxy broke off")
            data += chunk
        return data

    async def hear_header(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            if len(data) >= _MOST_HEADER_BYTES:
                raise TunnelFailed("the proxy's answer has no end")
            data += await self.hear(1)  # not a byte of what follows
        return data


async def _connect_http(talk: _Talk, proxy: Proxy, host: str, port: int) -> None:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.user:
        credentials = base64.b64encode(f"{proxy.user}:{proxy.password}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    await talk.say("\r\n".join([*lines, "", ""]).encode())
    status = (await talk.hear_header()).split(b"\r\n", 1)[0].decode("latin-1")
    words = status.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].startswith("2"):
        raise TunnelFailed(f"the proxy refused {place}: {status[:200]}")


async def _connect_socks(talk: _Talk, proxy: Proxy, host: str, port: int) -> None:
    methods = b"\x00\x02" if proxy.user else b"\x00"
    await talk.say(b"\x05" + bytes([len(methods)]) + methods)
    version, method = await talk.hear(2)
    if version != 5 or method not in methods:
        raise TunnelFailed("the proxy accepts no way of authentication that we have")
    if method == 2:
        user, password = proxy.user.encode(), proxy.password.encode()
        words = bytes([len(user)]) + user + bytes([len(password)]) + password
        await talk.say(b"\x01" + words)
        if (await talk.hear(2))[1]:
            raise TunnelFailed("the proxy refused the user name and password")
    await talk.say(b"\x05\x01\x00" + _socks_address(host) + port.to_bytes(2, "big"))
    _, outcome, _, kind = await talk.hear(4)
    if outcome:
        reason = _SOCKS_REASONS.get(outcome, f"reason {outcome}")
        raise TunnelFailed(f"the proxy refused {host}:{port}: {reason}")
    size = {1: 4, 4: 16}.get(kind) or (await talk.hear(1))[0]
    await talk.hear(size + 2)


def _socks_address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        return ip_address(host) in ip_network(entry, strict=False)
    except ValueError:
        domain = entry.removeprefix("*").removeprefix(".")
        return host == domain or host.endswith(f".{domain}")


def _unusable(url: str) -> ConfigInvalid:
    # Without what may be a password.
    return ConfigInvalid(
        f"the host's proxy setting {url.rpartition('@')[2]!r} cannot be used",
        hint="HTTPS_PROXY, HTTP_PROXY and ALL_PROXY take http://HOST:PORT or socks5://HOST:PORT",
    )

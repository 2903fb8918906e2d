"""Reach a host from the outside of the machine: resolve, check, connect."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, ip_address

from agentos.errors import NetworkDenied
from agentos.machine.network.policy import NetworkPolicy
from agentos.machine.network.ranges import Address, special_range

CONNECT_SECONDS = 10.0
RESOLVE_SECONDS = 10.0
_MOST_ADDRESSES = 8
_KEEPALIVE_SECONDS = 60

Resolve = Callable[[str], Awaitable[Sequence[str]]]
Connect = Callable[[str, int], Awaitable[socket.socket]]


async def resolve(name: str) -> list[str]:
    """Resolve a name as the host does.

    Args:
        name: A host name.

    Returns:
        Its addresses, best first, each once.

    Raises:
        OSError: It cannot be resolved.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_SECONDS):
        found = await loop.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


async def connect(address: str, port: int) -> socket.socket:
    """Connect to an address.

    Args:
        address: A literal address.
        port: A TCP port.

    Returns:
        A connected, non-blocking socket.

    Raises:
        OSError: It cannot be reached.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    connected = False
    try:
        sock.setblocking(False)
        tune(sock)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        connected = True
    finally:
        if not connected:
            sock.close()
    return sock


def tune(sock: socket.socket) -> None:
    """Send small writes at once, and notice a peer that has gone without a word."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)


async def connect_first(
    addresses: Sequence[str], port: int, connect_to: Connect
) -> tuple[socket.socket, str]:
    """Connect to the first address that answers.

    Args:
        addresses: Literal addresses, already checked; exactly these are dialled.
        port: A TCP port.
        connect_to: Makes one connection.

    Returns:
        The socket and the address.

    Raises:
        OSError: None answered; the error of the last.
    """
    failure = OSError("no address")
    for address in addresses[:_MOST_ADDRESSES]:
        try:
            return await connect_to(address, port), address
        except OSError as error:
            failure = error
    raise failure


def permitted(name: str, addresses: Sequence[str], port: int, policy: NetworkPolicy) -> list[str]:
    """Keep the addresses of a name that may be dialled.

    Args:
        name: The name, which the policy allows.
        addresses: What it resolved to.
        port: The port.
        policy: Says which special addresses are named, and which are denied.

    Returns:
        The addresses that may be dialled, in the same order.

    Raises:
        NetworkDenied: There is none; the message says why.
    """
    kept: list[str] = []
    reasons: list[str] = []
    for text in addresses:
        reason = _objection(ip_address(text), port, policy)
        if reason is None:
            kept.append(text)
        else:
            reasons.append(f"{text} ({reason})")
    if not kept:
        raise NetworkDenied(f"{name} resolves to {', '.join(reasons) or 'nothing'}")
    return kept


def _objection(address: Address, port: int, policy: NetworkPolicy) -> str | None:
    rule = policy.match(address, port)
    if rule is not None and rule.action == "deny":
        return f"denied by {rule.entry}"
    if rule is not None and rule.network is not None:
        return None
    special = special_range(address)
    if special is not None:
        return special.what
    return "an address of this host" if _is_own(address) else None


def _is_own(address: Address) -> bool:
    """Whether the host would reach itself at a public address, past its own firewall."""
    elsewhere = "192.0.2.1" if isinstance(address, IPv4Address) else "2001:db8::1"
    # Inside another machine of ours every address is local: then it tells nothing.
    return _source(str(address)) == str(address) and _source(elsewhere) != elsewhere


def _source(address: str) -> str | None:
    """The address that the kernel would send from; connecting UDP sends no packet."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            return str(sock.getsockname()[0])
    except OSError:
        return None

"""Which names and pages a request may come by: what stops other pages and DNS rebinding."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from agentos.hub.errors import Refused

#: The hub's name inside machines, whichever port leads to it there.
MACHINE_NAME = "hub.agentos.internal"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORT = {"http": 80, "https": 443}
#: Of a browser, only its own pages and what a person typed; a page on another port is neither.
_FETCH_SITES = ("same-origin", "none")


class Origins:
    """The allow-lists of `Host` and `Origin`.

    Args:
        host: The address that the hub listens on.
        hosts: Further names, with a port or, without one, for any port.
        origins: Further origins, such as `https://dashboard.example`.
    """

    def __init__(self, host: str, hosts: Iterable[str], origins: Iterable[str]) -> None:
        self._names = frozenset((*_LOOPBACK, *_own(host)))
        self._anywhere = frozenset(name.lower() for name in (MACHINE_NAME, *hosts))
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._allowed: dict[tuple[str, int], frozenset[str]] = {}

    def check(
        self,
        scheme: str,
        port: int,
        host: str | None,
        origin: str | None,
        fetch_site: str | None,
    ) -> None:
        """Let a request come.

        Args:
            scheme: `http` or `https`.
            port: The port that it came to.
            host, origin, fetch_site: Its headers `Host`, `Origin` and `Sec-Fetch-Site`.

        Raises:
            Refused: It may not.
        """
        host = "" if host is None else host.lower()
        if not self._is_ours(scheme, port, host):
            raise Refused(
                421,
                "host_not_allowed",
                f"the hub is not called {host!r}",
                hint="use the address that `agentos status` shows, or add it to allowed_hosts",
            )
        if origin is not None:
            origin = origin.lower()
            if origin in self._origins:
                return
            if origin != f"{scheme}://{host}":
                hint = "pages of other origins are let in by allowed_origins only"
                message = f"pages of {origin} may not ask the hub"
                raise Refused(403, "origin_not_allowed", message, hint=hint)
        if fetch_site is not None and fetch_site not in _FETCH_SITES:
            hint = "open the hub's address in the browser itself"
            raise Refused(
                403, "cross_site", "a page of another site may not ask the hub", hint=hint
            )

    def _is_ours(self, scheme: str, port: int, host: str) -> bool:
        allowed = self._allowed.get((scheme, port))
        if allowed is None:
            allowed = frozenset(f"{name}:{port}" for name in self._names) | self._anywhere
            if _DEFAULT_PORT.get(scheme) == port:
                allowed |= self._names
            self._allowed[scheme, port] = allowed
        if host in allowed:
            return True
        name, colon, digits = host.rpartition(":")
        return bool(colon) and digits.isdecimal() and name in self._anywhere


def _own(host: str) -> tuple[str, ...]:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return (host.lower(),)
    if address.is_unspecified:
        return ()
    return (f"[{address}]" if address.version == 6 else str(address),)

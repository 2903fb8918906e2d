"""One entry of a network policy: how it is written, and what it covers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from agentos.errors import ConfigInvalid
from agentos.machine.network.ports import Action
from agentos.machine.network.ranges import Address, Network, never_reachable, special_range

WEB_PORTS = frozenset({80, 443})
OPEN_PORTS = frozenset({22, 80, 443})
PRIVATE_DOMAIN = "agentos.internal"
HOST_NAME = f"host.{PRIVATE_DOMAIN}"

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy entry that has been read.

    Attributes:
        entry: The entry as it was written.
        action: Whether it allows or denies.
        ports: The TCP ports it is about; None for every port.
        name: A host name, `*.` and a domain, or `*`; None if the entry is an address.
        network: The address or network; None if the entry is a name.
        public: Whether it is about every public address too.
    """

    entry: str
    action: Action
    ports: frozenset[int] | None
    name: str | None = None
    network: Network | None = None
    public: bool = False

    def covers(self, host: str | Address) -> bool:
        """Say whether the rule is about this host, whatever the port."""
        if isinstance(host, str):
            return self.name is not None and _name_covers(self.name, host)
        if self.public and special_range(host) is None:
            return True
        if self.network is None or host not in self.network:
            return False
        if self.action == "deny" or self.network.num_addresses == 1:
            return True
        special = special_range(host)
        return special is None or special.nameable == "as a network"

    def covers_port(self, port: int) -> bool:
        """Say whether the rule is about this port."""
        return self.ports is None or port in self.ports


def parse_rule(entry: str, action: Action) -> Rule:
    """Read one policy entry.

    Args:
        entry: For example `api.example.com`, `*.example.org:443`, `api.example.com:*`,
            `10.0.0.5:5432`, `[2001:db8::1]:443`, `10.1.0.0/16:5432` or `*`.
        action: Whether it stands in `allow` or in `deny`.

    Returns:
        The rule.

    Raises:
        ConfigInvalid: The entry cannot be read, or names what cannot be allowed.
    """
    host, port_text = _split(entry)
    ports = _ports(entry, host, port_text, action)
    network = _network(host)
    if network is not None:
        if action == "allow":
            _check_allowed_network(entry, network, port_text)
        return Rule(entry, action, ports, network=network)
    name = _pattern(entry, host)
    if action == "allow":
        _check_allowed_name(entry, name, ports if port_text else None)
    return Rule(entry, action, ports, name=name)


def host_of(text: str) -> str | Address | None:
    """Bring a host into the form that rules are compared with.

    Args:
        text: A host name (any case, Unicode, with or without a final dot) or an address.

    Returns:
        The name in lower-case ASCII, or the address; None if it is neither.
    """
    try:
        return ip_address(text)
    except ValueError:
        return _ascii_name(text)


def is_private(name: str) -> bool:
    """Say whether a name belongs to AgentOS itself (`*.agentos.internal`)."""
    return name == PRIVATE_DOMAIN or name.endswith(f".{PRIVATE_DOMAIN}")


def _name_covers(pattern: str, name: str) -> bool:
    if pattern == name:
        return True
    # Wildcards are about the world outside: they never open (or close) AgentOS's own names.
    if is_private(name) or name == "localhost" or name.endswith(".localhost"):
        return False
    return pattern == "*" or (pattern.startswith("*.") and name.endswith(pattern[1:]))


def _split(entry: str) -> tuple[str, str | None]:
    if not isinstance(entry, str) or not entry or entry != entry.strip():
        raise _invalid(entry, 'write a host and a port, for example "api.example.com:443"')
    if "://" in entry:
        raise _invalid(entry, 'write the host without the scheme, for example "example.com:443"')
    if entry.startswith("["):
        host, bracket, rest = entry[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise _invalid(entry, 'write an IPv6 address as "[2001:db8::1]:443"')
        return host, rest[1:] if rest else None
    if entry.count(":") > 1:
        return entry, None
    host, colon, port = entry.partition(":")
    return host, port if colon else None


def _ports(entry: str, host: str, text: str | None, action: Action) -> frozenset[int] | None:
    if text == "*" or (text is None and action == "deny"):
        return None
    if text is None:
        return OPEN_PORTS if host == "*" else WEB_PORTS
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise _invalid(entry, 'a port is a number from 1 to 65535, or "*"')
    return frozenset({int(text)})


def _network(host: str) -> Network | None:
    try:
        return None if "%" in host else ip_network(host)
    except ValueError:
        return None


def _pattern(entry: str, host: str) -> str:
    if host == "*":
        return host
    wildcard = host.startswith("*.")
    name = _ascii_name(host[2:] if wildcard else host)
    if name is None:
        raise _invalid(
            entry,
            'write a host name ("api.example.com"), a wildcard ("*.example.org"), '
            'an address ("10.0.0.5") or a network without host bits ("10.1.0.0/16")',
        )
    return f"*.{name}" if wildcard else name


def _ascii_name(text: str) -> str | None:
    name = text.removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            return None
    name = name.lower()
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    # "127.1" and "0x7f.1" are addresses to some resolvers: never names.
    return None if _NUMERIC.fullmatch(labels[-1]) else name


def _check_allowed_network(entry: str, network: Network, port: str | None) -> None:
    special = never_reachable(network)
    if special is None:
        return
    hint = f"{special.network} ({special.what}) can never be reached"
    inside = network.num_addresses <= special.network.num_addresses
    if inside and special.what.startswith("loopback"):
        hint = f'for a server on the host\'s loopback allow "{HOST_NAME}:{port or "PORT"}"'
    elif network.num_addresses > 1:
        hint += '; name smaller networks, or allow "*" for everything public'
    raise _invalid(entry, hint)


def _check_allowed_name(entry: str, name: str, ports: frozenset[int] | None) -> None:
    port = next(iter(ports), None) if ports else None
    if name in ("localhost", "*.localhost") or name.endswith(".localhost"):
        raise _invalid(entry, f'for a server on the host allow "{HOST_NAME}:{port or "PORT"}"')
    if name == HOST_NAME:
        if ports is None:
            raise _invalid(entry, f'name the port, for example "{HOST_NAME}:8080"')
    elif is_private(name.removeprefix("*.")):
        raise _invalid(entry, f"leave it out: names under {PRIVATE_DOMAIN} need no rule")


def _invalid(entry: object, hint: str) -> ConfigInvalid:
    return ConfigInvalid(f"network policy entry {entry!r} cannot be used", hint=hint)

"""Which hosts and ports a machine may reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agentos.errors import ConfigInvalid
from agentos.machine.network.ranges import Address
from agentos.machine.network.rules import OPEN_PORTS, Action, Rule, host_of, parse_rule

# A larger network cannot have a listener for each of its addresses.
_LISTENED_NETWORK = 64


@dataclass(frozen=True)
class NetworkPolicy:
    """Say which hosts and TCP ports a machine may reach; `deny` wins over `allow`.

    An entry is a host name, a wildcard (`*.example.org`: every subdomain, not
    the domain itself), `*` (every public name), an address or a network, each
    with or without a port. In `allow`, a host without a port means 80 and 443,
    and `*` means 22, 80 and 443; in `deny` it means every port. Private and
    link-local addresses are reached only when named as addresses, also by way
    of a public name. A network of more than 64 addresses is reached by names
    only. `host.agentos.internal:PORT` is that port of the host's loopback.

    Args:
        allow: What may be reached.
        deny: What may not, even if `allow` covers it.
        default: What holds for public names on ports 22, 80 and 443 that no entry covers.

    Raises:
        ConfigInvalid: An entry cannot be read; the message names it.

    Example:
        `NetworkPolicy(allow=["api.example.com", "*.example.org:443", "10.0.0.5:5432"])`
    """

    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    default: Literal["deny", "allow"] = "deny"
    _rules: tuple[Rule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.default not in ("deny", "allow"):
            raise ConfigInvalid(
                f"network policy default {self.default!r} is unknown", hint='use "deny" or "allow"'
            )
        allow, deny = _entries("allow", self.allow), _entries("deny", self.deny)
        rules = [parse_rule(entry, "deny") for entry in deny]
        rules += [parse_rule(entry, "allow") for entry in allow]
        if self.default == "allow":
            rules.append(Rule("default", "allow", OPEN_PORTS, name="*"))
        for name, value in (("allow", allow), ("deny", deny), ("_rules", tuple(rules))):
            object.__setattr__(self, name, value)

    @property
    def allows_nothing(self) -> bool:
        """Whether no host at all can be reached."""
        return not any(rule.action == "allow" for rule in self._rules)

    def match(self, host: str | Address, port: int) -> Rule | None:
        """Find the rule that decides about a host and port, allowing or denying.

        Args:
            host: A name or an address.
            port: A TCP port.

        Returns:
            The rule; None if none covers it, which denies.
        """
        place = host_of(host) if isinstance(host, str) else host
        if place is None:
            return None
        return next((r for r in self._rules if r.covers_port(port) and r.covers(place)), None)

    def allows(self, host: str | Address, port: int) -> Rule | None:
        """Find the rule that allows a host and port.

        Args:
            host: A name or an address.
            port: A TCP port.

        Returns:
            The rule; None if the policy denies it.
        """
        rule = self.match(host, port)
        return rule if rule is not None and rule.action == "allow" else None

    def ports_for(self, host: str | Address) -> frozenset[int]:
        """Name the TCP ports on which a host may be reached.

        Args:
            host: A name or an address.

        Returns:
            The ports; empty if the host is denied.
        """
        place = host_of(host) if isinstance(host, str) else host
        if place is None:
            return frozenset()
        covering = [rule for rule in self._rules if rule.covers(place)]
        named: set[int] = set()
        for rule in covering:
            if rule.action == "allow" and rule.ports is not None:
                named |= rule.ports
        denying = [rule for rule in covering if rule.action == "deny"]
        return frozenset(p for p in named if not any(rule.covers_port(p) for rule in denying))

    def addresses(self) -> Iterator[Address]:
        """Yield each literal address that the policy allows on some port."""
        for rule in self._rules:
            network = rule.network
            if rule.action == "allow" and network and network.num_addresses <= _LISTENED_NETWORK:
                yield from network

    def extended(self, *, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> NetworkPolicy:
        """Make a policy with more entries.

        Args:
            allow: Entries to add to `allow`.
            deny: Entries to add to `deny`.

        Returns:
            The new policy; this one stays as it is.

        Raises:
            ConfigInvalid: An entry cannot be read.
        """
        return replace(
            self,
            allow=(*self.allow, *_entries("allow", allow)),
            deny=(*self.deny, *_entries("deny", deny)),
        )


def _entries(kind: Action, entries: Sequence[str]) -> tuple[str, ...]:
    if isinstance(entries, str):
        raise ConfigInvalid(
            f"network policy {kind} is the text {entries!r}, not a list",
            hint=f"write {kind}=[{entries!r}]",
        )
    return tuple(entries)

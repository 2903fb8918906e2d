"""Which hosts and ports a machine may reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agentos.errors import ConfigInvalid
from agentos.machine.network.ports import Action, Ports
from agentos.machine.network.ranges import Address
from agentos.machine.network.rules import Rule, host_of, parse_rule

# Where each address needs a listener of its own, a larger network cannot have them.
_LISTENED_NETWORK = 64

Preset = Literal["none", "packages", "agents", "open"]


@dataclass(frozen=True)
class NetworkPolicy:
    """Say which hosts and TCP ports a machine may reach: the last entry that matches decides.

    The entries of `deny` come after those of `allow`, so there a denial wins; what is allowed or
    denied later, while a machine runs, comes after both.

    An entry is a host name, a wildcard (`*.example.org`: every subdomain, not
    the domain itself), `*` (every public name), an address or a network, each
    with or without a port; `:*` is every port. In `allow`, a host without a port means 80 and
    443, and `*` means 22, 80 and 443; in `deny` it means every port. Private and
    link-local addresses are reached only when named as addresses, also by way
    of a public name. `host.agentos.internal:PORT` is that port of the host's loopback.

    Args:
        allow: What may be reached.
        deny: What may not, even if `allow` covers it.
        default: What holds for public names and addresses that no entry covers.
        changes: What was allowed or denied later, in this order.

    Raises:
        ConfigInvalid: An entry cannot be read; the message names it.

    Example:
        `NetworkPolicy(allow=["api.example.com", "*.example.org:443", "10.0.0.5:5432"])`
    """

    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    default: Literal["deny", "allow"] = "deny"
    changes: Sequence[tuple[Action, str]] = ()
    _rules: tuple[Rule, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.default not in ("deny", "allow"):
            raise ConfigInvalid(
                f"network policy default {self.default!r} is unknown", hint='use "deny" or "allow"'
            )
        allow, deny = _entries("allow", self.allow), _entries("deny", self.deny)
        changes = tuple(self.changes)
        rules = [parse_rule(entry, action) for action, entry in reversed(changes)]
        rules += [parse_rule(entry, "deny") for entry in reversed(deny)]
        rules += [parse_rule(entry, "allow") for entry in reversed(allow)]
        if self.default == "allow":
            rules.append(Rule("default", "allow", None, name="*", public=True))
        fields = {"allow": allow, "deny": deny, "changes": changes, "_rules": tuple(rules)}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def preset(
        cls, name: Preset, *, allow: Sequence[str] = (), deny: Sequence[str] = ()
    ) -> NetworkPolicy:
        """Make a policy for a purpose.

        Args:
            name: `"none"`: nothing. `"packages"`: the registries that this host's own pip, npm
                and apt are configured for, as they are now. `"agents"`: the model providers of
                well-known agents. `"open"`: every public host on every port.
            allow: What may be reached besides.
            deny: What may not.

        Raises:
            ConfigInvalid: There is no such preset, or an entry cannot be read.
        """
        from agentos.machine.network.presets import entries_of

        default: Literal["deny", "allow"] = "allow" if name == "open" else "deny"
        return cls([*entries_of(name), *_entries("allow", allow)], deny, default)

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

    def ports_for(self, host: str | Address) -> Ports:
        """Say on which TCP ports a host may be reached.

        Args:
            host: A name or an address.
        """
        place = host_of(host) if isinstance(host, str) else host
        if place is None:
            return Ports()
        decided: dict[int, Action] = {}
        for rule in self._rules:
            if not rule.covers(place):
                continue
            if rule.ports is None:
                return _ports(decided, rule.action)
            for port in rule.ports:
                decided.setdefault(port, rule.action)
        return _ports(decided, None)

    def literal_rules(self) -> Iterator[Rule]:
        """Yield the rules about addresses, the one that decides first before the others."""
        return (rule for rule in self._rules if rule.network is not None or rule.public)

    def addresses(self) -> Iterator[Address]:
        """Yield each literal address that the policy allows on some port, of small networks."""
        for rule in self._rules:
            network = rule.network
            if rule.action == "allow" and network and network.num_addresses <= _LISTENED_NETWORK:
                yield from network

    def extended(self, *, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> NetworkPolicy:
        """Make a policy with more entries, which come after all others.

        Args:
            allow: What may be reached besides.
            deny: What may not be reached any more.

        Returns:
            The new policy; this one stays as it is.

        Raises:
            ConfigInvalid: An entry cannot be read.
        """
        later: list[tuple[Action, str]] = [("allow", entry) for entry in _entries("allow", allow)]
        later += [("deny", entry) for entry in _entries("deny", deny)]
        earlier = [change for change in self.changes if change not in later]
        return replace(self, changes=(*earlier, *later))


def _ports(decided: dict[int, Action], others: Action | None) -> Ports:
    allowed = frozenset(port for port, action in decided.items() if action == "allow")
    return Ports(allowed, frozenset(decided) - allowed, others)


def _entries(kind: Action, entries: Sequence[str]) -> tuple[str, ...]:
    if isinstance(entries, str):
        raise ConfigInvalid(
            f"network policy {kind} is the text {entries!r}, not a list",
            hint=f"write {kind}=[{entries!r}]",
        )
    return tuple(entries)

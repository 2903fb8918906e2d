"""What a machine may reach at this moment: its policy, and AgentOS's own names."""

from __future__ import annotations

from agentos.errors import ConfigInvalid
from agentos.machine.network.policy import NetworkPolicy
from agentos.machine.network.rules import HOST_NAME, PRIVATE_DOMAIN, host_of, is_private

Target = tuple[str, int]


class Reach:
    """A policy that can be replaced, and routes for names under `agentos.internal`.

    Attributes:
        policy: The policy that holds now.
    """

    def __init__(self, policy: NetworkPolicy) -> None:
        self.policy = policy
        self._routes: dict[tuple[str, int], Target] = {}

    @property
    def nothing(self) -> bool:
        """Whether nothing at all can be reached."""
        return self.policy.allows_nothing and not self._routes

    def ports_for(self, host: str) -> frozenset[int]:
        """Name the TCP ports on which a name or a literal address can be reached."""
        return self.policy.ports_for(host) | {port for name, port in self._routes if name == host}

    def route(self, name: str, port: int) -> Target | None:
        """Find where a private name leads."""
        return self._routes.get((name, port))

    def set_route(self, name: str, port: int, target: Target | None) -> None:
        """Lead a private name's port to a place on the host, or nowhere.

        Args:
            name: A name under `agentos.internal`.
            port: A TCP port.
            target: Host and port; None takes the route back.

        Raises:
            ConfigInvalid: The name cannot be routed.
        """
        host = host_of(name)
        if not isinstance(host, str) or not is_private(host) or host == HOST_NAME:
            raise ConfigInvalid(
                f"{name!r} cannot be routed",
                hint=f"route a name such as models.{PRIVATE_DOMAIN}; allow others in the policy",
            )
        if target is None:
            self._routes.pop((host, port), None)
        else:
            self._routes[host, port] = target

"""What a machine may reach at this moment: its policy, answers, and AgentOS's own names."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from agentos.errors import ConfigInvalid
from agentos.machine.network.policy import NetworkPolicy
from agentos.machine.network.ports import Action, Ports
from agentos.machine.network.ranges import never_reachable
from agentos.machine.network.rules import HOST_NAME, PRIVATE_DOMAIN, host_of, is_private

Target = tuple[str, int]

#: How many answers are remembered; the oldest is asked for again.
MOST_ANSWERS = 4096


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds for a host and port.

    Attributes:
        action: None where somebody is to be asked.
        rule: The policy entry that decided; `default` if none did, `on_request` for an answer.
        named: Whether it was about this very name or address, not about many.
    """

    action: Action | None
    rule: str
    named: bool = False


class Reach:
    """A policy that can be replaced, and routes for names under `agentos.internal`.

    Attributes:
        policy: The policy that holds now.
        asking: Whether somebody is asked about what no rule covers.
    """

    def __init__(self, policy: NetworkPolicy) -> None:
        self.policy = policy
        self.asking = False
        self._answers: OrderedDict[tuple[str, int], Action] = OrderedDict()
        self._routes: dict[tuple[str, int], Target] = {}

    @property
    def nothing(self) -> bool:
        """Whether nothing at all can be reached."""
        return self.policy.allows_nothing and not self._routes and not self.asking

    def decide(self, host: str, port: int) -> Decision:
        """Say what holds for a name or a literal address and a port."""
        rule = self.policy.match(host, port)
        if rule is not None:
            named = rule.network is not None or rule.name == host
            return Decision(rule.action, rule.entry, named)
        answer = self._answers.get((host, port))
        if answer is not None:
            return Decision(answer, "on_request", named=True)
        return Decision(None if self.asking and can_be_asked(host) else "deny", "default")

    def answer(self, host: str, port: int, action: Action) -> None:
        """Remember what somebody said about a host and port that no rule covers."""
        self._answers[host, port] = action
        if len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)

    def ports_for(self, host: str) -> Ports:
        """Say on which TCP ports a name or a literal address can be reached."""
        ports = self.policy.ports_for(host)
        if self.asking and can_be_asked(host):
            ports = ports.open_to_questions()
        routed = frozenset(port for name, port in self._routes if name == host)
        return ports.with_open(routed) if routed else ports

    def may_go_on(self, host: str, port: int) -> bool:
        """Say whether a connection that was made may stay."""
        return bool(self.route(host, port)) or self.decide(host, port).action == "allow"

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


def can_be_asked(host: str) -> bool:
    """Say whether an answer could let a host through: not our own names, nor any loopback."""
    place = host_of(host)
    if place is None:
        return False
    if isinstance(place, str):
        own = is_private(place) or place == "localhost" or place.endswith(".localhost")
        return not own
    return never_reachable(place) is None

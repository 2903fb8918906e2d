"""Which provider and model a call goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentos.errors import ConfigInvalid
from agentos.models.attribution import Kind
from agentos.models.providers import REHEARSAL


@dataclass(frozen=True, slots=True)
class Target:
    """A provider's model.

    Args:
        provider: The provider's name.
        model: The model in its words; empty for what the agent asks for.
    """

    provider: str
    model: str = ""

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}" if self.model else self.provider


class Routes:
    """Turn what people and agents call a model into the places to ask, in order.

    A route is `provider/model`, a provider alone (the agent's own model names go to it), or an
    alias.

    Args:
        providers: The names of the providers.
        aliases: Routes by names of your own.
        fallbacks: For a route, others to try when it answers 429 or 5xx, or not at all.
        default: The route of sessions that name none.

    Raises:
        ConfigInvalid: An alias or a fallback leads nowhere.
    """

    def __init__(
        self,
        providers: Sequence[str],
        *,
        aliases: Mapping[str, str] | None = None,
        fallbacks: Mapping[str, Sequence[str]] | None = None,
        default: str | None = None,
    ) -> None:
        self._providers = frozenset((*providers, REHEARSAL))
        self._aliases = dict(aliases or {})
        for name in self._aliases:
            self.find(name)
        self._fallbacks = {
            str(self.find(route)): tuple(self.find(other) for other in others)
            for route, others in (fallbacks or {}).items()
        }
        self.default = None if default is None else self.find(default)

    def knows(self, name: str) -> bool:
        """Whether a name is a route."""
        return self._read(name) is not None

    def find(self, name: str) -> Target:
        """Find where a route leads.

        Raises:
            ConfigInvalid: Nowhere; the hint names the providers.
        """
        target = self._read(name)
        if target is None:
            known = ", ".join(sorted([*self._providers, *self._aliases]))
            raise ConfigInvalid(
                f"{name!r} is no route to a model",
                code="route_unknown",
                hint=f"write provider/model or an alias; known: {known}",
            )
        return target

    def targets(self, asked: str, home: Target, kind: Kind = Kind.TURN) -> list[Target]:
        """Name the places to ask for a call, best first.

        An agent reaches the provider of its session and the aliases, and no other place.

        Args:
            asked: The model that the agent asks for.
            home: The session's own route.
            kind: What the call is for.

        Returns:
            The target and its fallbacks, each with a model.
        """
        first = self._first(asked, home, kind)
        return [first, *(self._with_model(t, asked) for t in self._fallbacks.get(str(first), ()))]

    def _first(self, asked: str, home: Target, kind: Kind) -> Target:
        if asked in self._aliases and asked != home.model:
            return self._with_model(self.find(asked), asked)
        # What an agent asks on its own account names OpenAI's small models, whoever is at home.
        elsewhere = home.provider == REHEARSAL or (kind.hidden and home.provider != "openai")
        if not asked or (elsewhere and home.model):
            return home
        return Target(home.provider, asked)

    @staticmethod
    def _with_model(target: Target, asked: str) -> Target:
        return target if target.model else Target(target.provider, asked)

    def _read(self, name: str, seen: frozenset[str] = frozenset()) -> Target | None:
        if name in self._aliases and name not in seen:
            return self._read(self._aliases[name], seen | {name})
        provider, _, model = name.partition("/")
        return Target(provider, model) if provider in self._providers else None

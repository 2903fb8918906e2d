"""Models that one process lends to the programs it starts, through their environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from agentos.errors import ConfigInvalid

VARIABLE = "AGENTOS_MODELS"


@dataclass(frozen=True)
class LentKey:
    """A key for one provider or alias, and the model to ask for if none is named."""

    key: str = field(repr=False)
    model: str | None = None


@dataclass(frozen=True)
class LentModel:
    """What a session uses of it; it satisfies `ModelProvider`."""

    base_url: str
    api_key: str | None = field(repr=False)
    model: str | None


@dataclass(frozen=True)
class LentModels:
    """A gateway of another process on this host.

    Args:
        base_url: Where it answers, with `/v1`.
        keys: By provider or alias; the empty name is for sessions that name none.
    """

    base_url: str
    keys: Mapping[str, LentKey]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> LentModels | None:
        """Read what was lent to this process, if anything was.

        Raises:
            ConfigInvalid: The variable does not hold what it should.
        """
        text = environment.get(VARIABLE)
        if not text:
            return None
        try:
            said = json.loads(text)
            keys = {name: LentKey(**key) for name, key in said["keys"].items()}
            return cls(str(said["base_url"]), keys)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigInvalid(
                f"the variable {VARIABLE} cannot be read: {error!r}",
                hint="`agentos record` and `agentos replay` set it; unset it elsewhere",
            ) from error

    def text(self) -> str:
        """Return the value of the variable."""
        return json.dumps(asdict(self))

    def find(self, provider: str | None, model: str | None) -> LentModel:
        """Find what a session means.

        Args:
            provider: A provider, an alias, or a whole route.
            model: A model, or a whole route.

        Raises:
            ConfigInvalid: There is no such route.
        """
        if provider is None and model is not None and self._split(model) is None:
            lent = self.keys[""]
            return LentModel(self.base_url, lent.key, model)
        route = "/".join(filter(None, (provider, model)))
        found = self._split(route)
        if found is None:
            known = ", ".join(sorted(filter(None, self.keys)))
            raise ConfigInvalid(
                f"{route!r} is no route to a model", code="route_unknown", hint=f"known: {known}"
            )
        name, asked = found
        return LentModel(self.base_url, self.keys[name].key, asked or self.keys[name].model)

    def _split(self, route: str) -> tuple[str, str | None] | None:
        name, _, model = route.partition("/")
        return (name, model or None) if name in self.keys else None

"""What `agentos.toml` says of models: providers, routes, budgets, prices."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from agentos.models.budgets import Budget
from agentos.models.providers import Provider
from agentos.usage.prices import Price


@dataclass(frozen=True)
class ModelSettings:
    """The models part of `agentos.toml`.

    Attributes:
        providers: The providers that it configures.
        default: The route of sessions that name none.
        aliases: Routes by names of the user's.
        fallbacks: Other routes for a route.
        budgets: What may be spent.
        prices: By `provider/model`.
    """

    providers: tuple[Provider, ...] = ()
    default: str | None = None
    aliases: dict[str, str] = field(default_factory=dict)
    fallbacks: dict[str, list[str]] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    prices: dict[str, Price] = field(default_factory=dict)

    @property
    def configured(self) -> bool:
        """Whether the host has a provider for sessions that bring no credentials."""
        return self.default is not None


def load_settings(path: Path | None = None) -> ModelSettings:
    """Read the settings.

    Args:
        path: The file; by default `agentos.toml` of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file and the place in it.
    """
    from agentos.settings.document import read_document
    from agentos.settings.model_tables import model_settings

    return model_settings(read_document(path))

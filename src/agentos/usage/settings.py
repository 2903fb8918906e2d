"""What `agentos.toml` says of usage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agentos.usage.budget import ProjectBudget
from agentos.usage.money import DOLLAR, Currency


@dataclass(frozen=True)
class UsageSettings:
    """The usage part of `agentos.toml`.

    Attributes:
        time_zone: Where days begin at midnight, such as `Europe/Berlin`; by default here.
        currency: What costs are told in.
        prices_url: Where `agentos prices refresh` finds a list; by default at OpenRouter.
        budgets: What projects may use in a day.
    """

    time_zone: str | None = None
    currency: Currency = DOLLAR
    prices_url: str | None = None
    budgets: tuple[ProjectBudget, ...] = ()


def load_usage_settings(path: Path | None = None) -> UsageSettings:
    """Read what `agentos.toml` says of usage.

    Args:
        path: The file; by default `agentos.toml` of the AgentOS home. It need not be there.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file and the place in it.
    """
    from agentos.settings.document import read_document
    from agentos.settings.usage_tables import usage_settings

    return usage_settings(read_document(path))

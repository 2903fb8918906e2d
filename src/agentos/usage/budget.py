"""What a day may cost, what it has cost so far, and what it will if it goes on like this."""

from __future__ import annotations

from dataclasses import dataclass

from agentos.errors import ConfigInvalid


@dataclass(frozen=True)
class ProjectBudget:
    """What a project may use in a day.

    Args:
        project: Its directory.
        money: In US dollars.
        tokens: Input and output tokens.

    Raises:
        ConfigInvalid: It limits nothing.
    """

    project: str
    money: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        if self.money is None and self.tokens is None:
            raise ConfigInvalid(
                f"the budget of {self.project} limits nothing", hint="give money or tokens"
            )

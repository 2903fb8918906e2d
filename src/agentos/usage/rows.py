"""What a report is made by, and what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from agentos.usage.prices import Tokens

#: What a report can be made by.
Group = Literal[
    "hour",
    "day",
    "week",
    "month",
    "model",
    "project",
    "client",
    "session",
    "profile",
    "agent",
    "provider",
    "source",
    "tier",
]
TIMES: tuple[Group, ...] = ("hour", "day", "week", "month")


@dataclass(frozen=True, slots=True)
class Row:
    """What some calls used.

    Attributes:
        key: What they have in common, in the order of the report's groups.
        calls: How many.
        tokens: Of those whose tokens are known.
        cost: Of those whose price is known, in the report's currency; None if it is of none.
        unpriced: Calls whose price is not known: the cost is at least `cost`.
        unmetered: Calls whose tokens nobody knows; these are among the unpriced.
        derived: Calls whose tokens are the difference of two readings of a running total.
        course: Input and output tokens of each of the report's steps, oldest first.
    """

    key: tuple[str, ...]
    calls: int
    tokens: Tokens
    cost: float | None
    unpriced: int
    unmetered: int
    derived: int
    course: tuple[int, ...] = ()


def plain_row(row: Row, by: Sequence[Group]) -> dict[str, Any]:
    """Return a row as JSON has it."""
    return {
        **dict(zip(by, row.key, strict=True)),
        "calls": row.calls,
        "input": row.tokens.input,
        "cached_input": row.tokens.cached_input,
        "cache_write": row.tokens.cache_write,
        "output": row.tokens.output,
        "reasoning": row.tokens.reasoning,
        "tokens": row.tokens.total,
        "cost": row.cost,
        "unpriced_calls": row.unpriced,
        "unmetered_calls": row.unmetered,
        "derived_calls": row.derived,
    }

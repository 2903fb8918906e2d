"""What to ask the ledger for, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from agentos.usage.prices import Tokens
from agentos.usage.reading.sums import QUARTER as QUARTER

#: What calls can be summed by.
Dimension = Literal[
    "quarter",
    "session",
    "model",
    "provider",
    "client",
    "project",
    "profile",
    "agent",
    "source",
    "tier",
    "context",
    "priced",
]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which calls; an empty tuple means any.

    Attributes:
        since: From then on, rounded down to a quarter of an hour in sums.
        until: Before then, rounded likewise.
        model_names: Models as reports name them: `PROVIDER/MODEL`.
    """

    since: datetime | None = None
    until: datetime | None = None
    sessions: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    model_names: tuple[str, ...] = ()

    @property
    def words(self) -> list[tuple[str, tuple[str, ...]]]:
        """The names that are restricted, each with what it may be."""
        pairs = ((name, getattr(self, f"{name}s")) for name in _NAMES)
        return [(name, wanted) for name, wanted in pairs if wanted]


_NAMES = ("session", "model", "provider", "client", "project", "profile", "agent", "source")


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of some calls.

    Attributes:
        key: The values of the dimensions asked for, in their order; a quarter is its beginning
            in seconds since 1970, UTC.
        calls: How many.
        unmetered: Those of them whose tokens nobody knows.
        derived: Those of them whose tokens are a difference of two readings.
        tokens: Of the calls whose tokens are known.
        price: What their sources wrote that they cost, in US dollars; 0 where `priced` is 0.
    """

    key: tuple[str | int, ...]
    calls: int
    unmetered: int
    derived: int
    tokens: Tokens
    price: float = field(default=0.0)


def quarter_of(moment: datetime) -> int:
    """Return the beginning of a moment's quarter of an hour, in seconds since 1970."""
    return milliseconds(moment) // 1000 // QUARTER * QUARTER


def milliseconds(moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {moment!r}")
    return round(moment.timestamp() * 1000)


def moment(at: int) -> datetime:
    """Return milliseconds since 1970 as a moment."""
    seconds, rest = divmod(at, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest * 1000)


def tokens_of(row: Any) -> Tokens:
    """Return the tokens of a row that has their columns."""
    return Tokens(
        int(row.input),
        int(row.cached_input),
        int(row.cache_write),
        int(row.output),
        int(row.reasoning),
        int(row.cache_write_hour),
    )

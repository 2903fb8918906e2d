"""How often everything happened, by kind, name and outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Kind, name and outcome.
Key = tuple[str, str, str]
#: Names beyond so many are counted together: whoever makes them up costs no memory.
MOST_KEYS = 1000
OTHER = "(other)"


@dataclass(slots=True)
class Total:
    """How often, and how many milliseconds in all."""

    count: int = 0
    duration_ms: float = 0.0

    def add(self, other: Total) -> None:
        """Add another total."""
        self.count += other.count
        self.duration_ms += other.duration_ms


class Counts:
    """Totals in memory, of what the store has and what it has yet to get."""

    def __init__(self) -> None:
        self._totals: dict[Key, Total] = {}
        self._unsaved: dict[Key, Total] = {}

    def add(self, key: Key, duration_ms: float) -> Key:
        """Count an event, and return what it is counted as."""
        if key not in self._totals and len(self._totals) >= MOST_KEYS:
            key = (key[0], OTHER, key[2] if key[2] == "ok" else "error")
        for totals in (self._totals, self._unsaved):
            total = totals.get(key)
            if total is None:
                total = totals[key] = Total()
            total.count += 1
            total.duration_ms += duration_ms
        return key

    def saved_before(self, totals: Mapping[Key, Total]) -> None:
        """Add what the store had counted at the start."""
        _merge(self._totals, totals)

    @property
    def unsaved(self) -> bool:
        """Whether there is something that the store is to get."""
        return bool(self._unsaved)

    def take_unsaved(self) -> dict[Key, Total]:
        """Return what the store is to get, and begin to collect anew."""
        taken, self._unsaved = self._unsaved, {}
        return taken

    def give_back(self, taken: Mapping[Key, Total]) -> None:
        """Take again what the store did not get."""
        _merge(self._unsaved, taken)

    def totals(self) -> dict[Key, Total]:
        """Return a copy of every total."""
        return {key: Total(total.count, total.duration_ms) for key, total in self._totals.items()}


def _merge(into: dict[Key, Total], totals: Mapping[Key, Total]) -> None:
    for key, total in totals.items():
        into.setdefault(key, Total()).add(total)

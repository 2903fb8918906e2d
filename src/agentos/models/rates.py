"""Rates: how much in a minute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

_MINUTE = 60.0


class RateExceeded(Exception):
    """Too many calls or tokens in a minute; `retry_after` are the seconds until there is room."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


@dataclass
class Bucket:
    """A rate, as a bucket that fills up in a minute.

    Args:
        size: What it holds.
        clock: Seconds that never jump.
    """

    size: float
    clock: Callable[[], float]
    level: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.level, self.at = self.size, self.clock()

    def wait(self, needed: float) -> float:
        """Return the seconds until so much can be taken; 0 if it can be now."""
        now = self.clock()
        self.level = min(self.size, self.level + (now - self.at) * self.size / _MINUTE)
        self.at = now
        missing = min(needed, self.size) - self.level
        return max(0.0, missing * _MINUTE / self.size)

    def take(self, amount: float) -> None:
        """Take so much, even more than there is."""
        self.level -= amount

"""Say when a machine comes near a limit, or ran into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agentos.machine.limits.limits import LimitWarning

#: Seconds between looks.
INTERVAL = 0.5
_HIGH = 0.8
_LOW = 0.5

OnWarning = Callable[[LimitWarning], object]


class Alarm(Protocol):
    """Something to look at from time to time."""

    def look(self) -> None: ...


class Level:
    """Warns once when use reaches 80 %, and again only after it was under 50 %."""

    def __init__(self, limit: str, used: Callable[[], int], bound: int, warn: OnWarning) -> None:
        self._limit, self._used, self._bound, self._warn = limit, used, bound, warn
        self._armed = True

    def look(self) -> None:
        used = self._used()
        if self._armed and used >= _HIGH * self._bound:
            self._armed = False
            message = f"{self._limit}: {used} of {self._bound} are used"
            self._warn(LimitWarning(self._limit, used, self._bound, message))
        elif used < _LOW * self._bound:
            self._armed = True


class Hits:
    """Warns when a limit was run into, whatever command did it."""

    def __init__(
        self, limit: str, count: Callable[[], int], bound: int, what: str, warn: OnWarning
    ) -> None:
        self._limit, self._count, self._bound, self._warn = limit, count, bound, warn
        self._what = what
        self._seen = count()

    def look(self) -> None:
        count = self._count()
        if count > self._seen:
            self._seen = count
            message = f"{self._limit}: {self._what}"
            self._warn(LimitWarning(self._limit, self._bound, self._bound, message))

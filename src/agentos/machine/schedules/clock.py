"""The time of day, and waiting for it."""

from __future__ import annotations

import asyncio
import datetime
from typing import Protocol

#: Seconds of sleep at a time: the host's clock may be set, and its sleep is no time of ours.
_NAP = 30.0


class Clock(Protocol):
    """Tells the time and waits for it; tests bring their own."""

    def now(self) -> datetime.datetime:
        """Return the time, with its zone."""
        ...

    async def sleep_until(self, when: datetime.datetime) -> None:
        """Wait until it is `when` or later."""
        ...


class SystemClock:
    """The host's clock."""

    def now(self) -> datetime.datetime:
        """Return the host's time."""
        return datetime.datetime.now(datetime.UTC)

    async def sleep_until(self, when: datetime.datetime) -> None:
        """Wait until the host's clock says `when` or later."""
        while (left := (when - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(min(left, _NAP))

"""When something is due: once, or again and again."""

from __future__ import annotations

import datetime
from typing import Protocol

_CRON_FIELDS = 5


class Timetable(Protocol):
    """Tells when something is due."""

    def after(self, when: datetime.datetime) -> datetime.datetime | None:
        """Return the first time after `when`, or None if it was the last."""
        ...


class Once:
    """One point in time."""

    def __init__(self, at: datetime.datetime) -> None:
        self._at = at

    def after(self, when: datetime.datetime) -> datetime.datetime | None:
        """Return it, until it has passed."""
        return self._at if self._at > when else None


class Cron:
    """The times of a cron expression, in the local time of a zone.

    A time that the zone skips in spring is made up for right after the gap, as Debian's cron
    does it, and one that comes twice in autumn counts once, unless it is due each hour.

    Raises:
        ValueError: It is none.
    """

    def __init__(self, expression: str, zone: datetime.tzinfo) -> None:
        from cronsim import CronSim, CronSimError

        if len(expression.split()) != _CRON_FIELDS:
            raise ValueError(
                "a time is five fields of cron, such as '*/5 9-17 * * 1-5', or an ISO date and "
                f"time, not {expression!r}"
            )
        self._expression, self._zone, self._times = expression, zone, CronSim
        try:
            self.after(datetime.datetime.now(zone))
        except CronSimError as error:
            raise ValueError(f"the cron expression {expression!r} is none: {error}") from None

    def after(self, when: datetime.datetime) -> datetime.datetime | None:
        """Return the next time after `when`; a cron expression has always one."""
        return next(self._times(self._expression, when.astimezone(self._zone)), None)


def timetable(when: str | datetime.datetime, zone: datetime.tzinfo) -> Timetable:
    """Read a time: cron's five fields, an ISO date and time, or a `datetime`.

    Args:
        when: The time, or times.
        zone: Whose local time it is, unless it says so itself.

    Raises:
        ValueError: It is neither.
    """
    try:
        at = datetime.datetime.fromisoformat(when) if isinstance(when, str) else when
    except ValueError:
        return Cron(str(when), zone)
    return Once(at if at.tzinfo else at.replace(tzinfo=zone))

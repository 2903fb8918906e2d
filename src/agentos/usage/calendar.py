"""Days, weeks and months of a time zone, over sums that are kept by quarters of an hour.

Every zone of today is whole quarters from UTC, so each of its days is a number of them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agentos.errors import ConfigInvalid
from agentos.usage.selection import QUARTER

DAY = 86400
#: What the calls of a time are summed up by.
Step = Literal["hour", "day", "week", "month"]
Period = Literal["today", "week", "month"]


def zone(name: str | None = None) -> tzinfo:
    """Return a time zone.

    Args:
        name: Such as `Europe/Berlin`; by default `$TZ` or this host's.

    Raises:
        ConfigInvalid: There is none of this name.
    """
    try:
        if name:
            return ZoneInfo(name)
        if chosen := os.environ.get("TZ", "").removeprefix(":"):
            return ZoneInfo(chosen)
        with open("/etc/localtime", "rb") as file:
            return ZoneInfo.from_file(file)
    except FileNotFoundError:
        return UTC
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigInvalid(
            f"there is no time zone {name or os.environ.get('TZ', '')!r}",
            code="time_zone_unknown",
            hint="names are like Europe/Berlin or UTC",
        ) from error


def zone_name(where: tzinfo) -> str:
    """Return a zone's name; that of this host may have none."""
    return getattr(where, "key", None) or ("UTC" if where is UTC else "local")


@dataclass(frozen=True)
class Span:
    """A time, from its beginning until before its end; None is open."""

    since: datetime | None = None
    until: datetime | None = None


def span_of(period: Period, where: tzinfo, now: datetime) -> Span:
    """Return today, this week (from Monday) or this month, until their end."""
    today = now.astimezone(where).date()
    if period == "today":
        first, last = today, today + timedelta(days=1)
    elif period == "week":
        first = today - timedelta(days=today.weekday())
        last = first + timedelta(days=7)
    else:
        first = today.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    return Span(midnight(first, where), midnight(last, where))


def midnight(day: date, where: tzinfo) -> datetime:
    """Return the first moment of a day, in UTC; where clocks skip midnight, it is later."""
    begin = datetime.combine(day, time(), where).astimezone(UTC)
    # A clock that skips midnight gives a moment of the day before.
    while begin.astimezone(where).date() < day:
        begin += timedelta(seconds=QUARTER)
    return begin


@dataclass(frozen=True)
class Offset:
    """How far a zone is from UTC.

    Attributes:
        since: From then on, in seconds since 1970.
        seconds: East of UTC.
    """

    since: int
    seconds: int


def offsets(where: tzinfo, first: int, last: int) -> list[Offset]:
    """Return a zone's distances from UTC from one quarter to another, oldest first."""
    found = [Offset(first, _offset(where, first))]
    here = first
    while here < last:
        there = min(here + DAY, last)
        if _offset(where, there) != found[-1].seconds:
            low, high = here, there
            while high - low > QUARTER:
                middle = (low + high) // 2 // QUARTER * QUARTER
                if _offset(where, middle) == found[-1].seconds:
                    low = middle
                else:
                    high = middle
            found.append(Offset(high, _offset(where, high)))
            here = high
        else:
            here = there
    return found


def _offset(where: tzinfo, moment: int) -> int:
    distance = datetime.fromtimestamp(moment, where).utcoffset()
    assert distance is not None
    return round(distance.total_seconds() / QUARTER) * QUARTER


def label(step: Step, number: int) -> str:
    """Name an hour or a day by its number since 1970 on the zone's own clock."""
    if step == "hour":
        return datetime.fromtimestamp(number * 3600, UTC).strftime("%Y-%m-%d %H:00")
    day = date(1970, 1, 1) + timedelta(days=number)
    if step == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return day.strftime("%Y-%m") if step == "month" else day.isoformat()

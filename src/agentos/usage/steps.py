"""Steps of time as reports name them: which there are, and when each begins and ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from agentos.usage.calendar import Span, Step, midnight

_HOUR = "%Y-%m-%d %H:00"
#: How many days are told by hours, days and weeks at most; what is longer, by months.
_MOST_DAYS: tuple[tuple[Step, int], ...] = (("hour", 2), ("day", 92), ("week", 731))


def suiting(first: date, last: date) -> Step:
    """Return the step that makes a time of so many days easy to look at."""
    days = (last - first).days + 1
    return next((step for step, most in _MOST_DAYS if days <= most), "month")


def labels_between(step: Step, first: str, last: str) -> Iterator[str]:
    """Yield the names of the steps from one to another, both included."""
    here = _beginning(step, first)
    end = _beginning(step, last)
    while here <= end:
        yield _name(step, here)
        here = _next(step, here)


def span_of_label(step: Step, label: str, where: tzinfo) -> Span:
    """Return when a step begins and ends; an hour that clocks repeat is both of them."""
    begin = _beginning(step, label)
    return Span(_moment(step, begin, where), _moment(step, _next(step, begin), where))


def _beginning(step: Step, label: str) -> datetime:
    """Read a step's name as what the zone's own clock shows when it begins."""
    if step == "week":
        year, week = label.split("-W")
        return datetime.combine(date.fromisocalendar(int(year), int(week), 1), time())
    return datetime.fromisoformat(f"{label}-01" if step == "month" else label)


def _next(step: Step, begin: datetime) -> datetime:
    if step == "month":
        return (begin + timedelta(days=32)).replace(day=1)
    return begin + timedelta(hours=1 if step == "hour" else 168 if step == "week" else 24)


def _name(step: Step, begin: datetime) -> str:
    if step == "week":
        year, week, _ = begin.isocalendar()
        return f"{year}-W{week:02}"
    return begin.strftime({"hour": _HOUR, "month": "%Y-%m"}.get(step, "%Y-%m-%d"))


def _moment(step: Step, begin: datetime, where: tzinfo) -> datetime:
    if step == "hour":
        return begin.replace(tzinfo=where).astimezone(UTC)
    return midnight(begin.date(), where)

"""Sums by the database, added up to the rows of a report, each at its price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal, select

from agentos.store.tables import USAGE_QUARTERS
from agentos.usage.calendar import Offset, Step, label
from agentos.usage.money import Currency
from agentos.usage.prices import Prices, Rates, Tokens
from agentos.usage.rows import TIMES, Group, Row

_COLUMNS = USAGE_QUARTERS.c
_TOKENS = ("input", "cached_input", "cache_write", "output", "reasoning", "cache_write_hour")
_COUNTED = ("calls", "unmetered", "derived", *_TOKENS)
_SUMMED = (*_COUNTED, "price")
_INPUT, _OUTPUT = _SUMMED.index("input"), _SUMMED.index("output")
#: What the price of calls depends on, beside their tokens; the first columns of the query.
_PRICED_BY = ("provider", "model", "tier", "context", "priced")
_PRICED = _PRICED_BY.index("priced")
#: Beyond so many seconds, the course of a row is told by days instead of hours.
_HOURLY = 2 * 86400 + 3600


class Clock:
    """Hours and days of a time zone, as the database counts them."""

    def __init__(self, found: Sequence[Offset], seconds: int) -> None:
        self._offsets = found
        self.step: Step = "hour" if seconds < _HOURLY else "day"

    def finest(self, by: Iterable[Group]) -> Group:
        """Choose the steps that all groups of time, and the courses, are made of."""
        if "hour" in by:
            self.step = "hour"
        return self.step

    @property
    def number(self) -> ColumnElement[int]:
        """The number of a quarter's hour or day since 1970 on the zone's own clock."""
        local = _COLUMNS.quarter + self._offset()
        return local // literal(3600 if self.step == "hour" else 86400)

    def _offset(self) -> ColumnElement[int]:
        if len(self._offsets) == 1:
            return literal(self._offsets[0].seconds)
        pairs = zip(self._offsets, self._offsets[1:], strict=False)
        whens = [(_COLUMNS.quarter < after.since, literal(here.seconds)) for here, after in pairs]
        return case(*whens, else_=literal(self._offsets[-1].seconds))

    def label(self, group: Group, number: int) -> str:
        """Name the time of a group that a step belongs to."""
        if self.step == "hour" and group != "hour":
            number //= 24
        return label(group, number)  # type: ignore[arg-type]  # one of TIMES


def query_of(
    wanted: Sequence[Group], clock: Clock, condition: ColumnElement[bool], changes: Sequence[int]
) -> tuple[Any, dict[str, int]]:
    """Return the query, and the place of each of its keys in a row; the sums come after these.

    Prices are the same from one of `changes` to the next; the first is before all calls.
    """
    keys: dict[str, ColumnElement[Any]] = {name: _COLUMNS[name] for name in _PRICED_BY}
    keys["epoch"] = _epoch(changes)
    for group in wanted:
        if group not in TIMES:
            keys.setdefault(group, _COLUMNS[group])
    if wanted and wanted[-1] in TIMES:
        keys["step"] = clock.number
    labelled = [column.label(name) for name, column in keys.items()]
    sums = [func.sum(_COLUMNS[name]).label(name) for name in _SUMMED]
    query = select(*labelled, *sums).where(condition).group_by(*keys)
    return query, {name: place for place, name in enumerate(keys)}


def _epoch(changes: Sequence[int]) -> ColumnElement[int]:
    """Return a moment that has the same prices as a quarter."""
    first, *later = changes
    if not later:
        return literal(first)
    befores = zip(changes, later, strict=False)
    whens = [(_COLUMNS.quarter < after, literal(before)) for before, after in befores]
    return case(*whens, else_=literal(later[-1]))


class RatesOfSums:
    """The rates of sums of calls, each looked up once."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._found: dict[tuple[Any, ...], Rates | None] = {}

    def of(self, key: tuple[Any, ...]) -> Rates | None:
        """Return the rates of what the price depends on, None if they are not known."""
        if key not in self._found:
            provider, model, tier, context, _, epoch = key
            price = self._prices.of(provider, model, epoch)
            # What exceeds a step has at least one token more.
            self._found[key] = price.rates(tier, context + 1) if price else None
        return self._found[key]


class _Sum:
    """The sum of some rows of the database."""

    __slots__ = ("course", "dollars", "totals", "unpriced")

    def __init__(self) -> None:
        self.totals = [0] * len(_COUNTED)
        self.dollars = 0.0
        self.unpriced = 0
        self.course: dict[int, int] = {}

    def add(self, sums: Sequence[Any], dollars: float, unpriced: int) -> None:
        self.totals = [one + int(other) for one, other in zip(self.totals, sums, strict=True)]
        self.dollars += dollars
        self.unpriced += unpriced

    def merge(self, other: _Sum) -> None:
        self.add(other.totals, other.dollars, other.unpriced)
        for step, tokens in other.course.items():
            self.course[step] = self.course.get(step, 0) + tokens

    def row(self, key: tuple[str, ...], steps: range, currency: Currency) -> Row:
        calls, unmetered, derived, *tokens = self.totals
        known = self.unpriced < calls or not calls
        return Row(
            key=key,
            calls=calls,
            tokens=Tokens(*tokens),
            cost=currency.of(self.dollars) if known else None,
            unpriced=self.unpriced,
            unmetered=unmetered,
            derived=derived,
            course=self._course(steps),
        )

    def _course(self, steps: range) -> tuple[int, ...]:
        line = [0] * len(steps)
        for step, tokens in self.course.items() if steps else ():
            line[step - steps.start] = tokens
        return tuple(line)


class Sums:
    """Add up rows of the database by what a report is made by."""

    def __init__(
        self,
        by: Sequence[Group],
        places: Mapping[str, int],
        clock: Clock,
        rates: RatesOfSums,
        courses: bool,
    ) -> None:
        self._by = by
        self._places = places
        self._clock = clock
        self._rates = rates
        self._courses = courses
        self._labels: dict[tuple[Group, int], str] = {}
        self._sums: defaultdict[tuple[str, ...], _Sum] = defaultdict(_Sum)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add what the database found."""
        step_at, first = self._places.get("step"), len(self._places)
        for row in rows:
            sums = row[first:-1]
            step = 0 if step_at is None else int(row[step_at])
            total = self._sums[self._key(row, step)]
            total.add(sums, *self._cost(row, sums))
            if self._courses:
                used = int(sums[_INPUT]) + int(sums[_OUTPUT])
                total.course[step] = total.course.get(step, 0) + used

    def _cost(self, row: Sequence[Any], sums: Sequence[Any]) -> tuple[float, int]:
        """Return what the calls of a row cost, and for how many that is not known."""
        if row[_PRICED]:
            return float(row[-1]), 0
        rates = self._rates.of(tuple(row[: _PRICED + 2]))
        if rates is None:
            return 0.0, int(sums[0])
        return rates.sum(Tokens(*map(int, sums[_INPUT:]))), int(sums[1])

    def _key(self, row: Sequence[Any], step: int) -> tuple[str, ...]:
        return tuple(
            self._label(group, step) if group in TIMES else self._name(row, group)
            for group in self._by
        )

    def _label(self, group: Group, step: int) -> str:
        if (group, step) not in self._labels:
            self._labels[group, step] = self._clock.label(group, step)
        return self._labels[group, step]

    def _name(self, row: Sequence[Any], group: Group) -> str:
        name = str(row[self._places[group]])
        # Two providers may have a model of the same name, at other prices.
        return f"{row[0]}/{name}" if group == "model" and row[0] else name

    def report(self, currency: Currency) -> tuple[list[Row], Row, range]:
        """Return the sums, by time as it goes or the dearest first, their sum, and the steps."""
        total = _Sum()
        for each in self._sums.values():
            total.merge(each)
        course = total.course
        steps = range(min(course), max(course) + 1) if course else range(0)
        found = [each.row(key, steps, currency) for key, each in self._sums.items()]
        if self._by and self._by[0] in TIMES:
            found.sort(key=lambda row: row.key)
        else:
            found.sort(key=lambda row: (-(row.cost or 0), -row.tokens.total, row.key))
        return found, total.row((), steps, currency), steps

"""What agents used and what it cost, by whatever one likes to know it by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from agentos.store import Store
from agentos.store.tables import USAGE_QUARTERS
from agentos.usage.calendar import Offset, Step, label, offsets, zone_name
from agentos.usage.money import DOLLAR, Currency
from agentos.usage.prices import Prices, Rates, Tokens
from agentos.usage.selection import Selection, tokens_of

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
_COLUMNS = USAGE_QUARTERS.c
_SUMMED = (
    *("calls", "unmetered", "derived", "price"),
    *("input", "cached_input", "cache_write", "output", "reasoning", "cache_write_hour"),
)
#: What the price of calls depends on, beside their tokens.
_PRICED_BY = ("provider", "model", "tier", "context", "priced")
#: Beyond so many seconds, the course of a row is told by days instead of hours.
_HOURLY = 2 * 86400 + 3600


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


@dataclass(frozen=True)
class Report:
    """What was used in a time.

    Attributes:
        by: What the rows are sums by.
        rows: Times in their order; everything else with the dearest first.
        total: The sum of all rows; its key is empty.
        steps: The hours or days of the rows' courses.
        currency: What costs are in.
        zone: The time zone of days.
        since, until: The time asked for; None is open.
    """

    by: tuple[Group, ...]
    rows: tuple[Row, ...]
    total: Row
    steps: tuple[str, ...]
    currency: Currency
    zone: tzinfo
    since: datetime | None = None
    until: datetime | None = None


async def make_report(
    store: Store,
    by: Sequence[Group],
    *,
    prices: Prices,
    where: tzinfo,
    selection: Selection | None = None,
    currency: Currency = DOLLAR,
    courses: bool = True,
) -> Report:
    """Sum up what the ledger has.

    Args:
        store: Where the ledger is.
        by: What to sum up by; with none, there is only a total.
        prices: What calls cost whose sources did not say.
        where: The zone in which days begin.
        selection: Which calls; by default all.
        currency: What to tell costs in.
        courses: Whether rows have their course over time.

    Returns:
        The sums. Those of the rows equal the total, whatever they are by.
    """
    selection = selection or Selection()
    condition = selection.where(USAGE_QUARTERS)
    async with store.reading() as connection:
        first, last = await _reach(connection, condition)
        clock = _Clock(offsets(where, first, last), last - first)
        wanted = list(by)
        timed = any(group in TIMES for group in by)
        if courses or timed:
            wanted.append(clock.finest(by))
        rows = await connection.execute(_query(wanted, clock, condition, prices))
        sums = _Sums(by, wanted, clock, _Rates(prices), courses)
        sums.add(rows)
    return Report(
        by=tuple(by),
        rows=tuple(sums.rows(currency)),
        total=sums.total(currency),
        steps=tuple(label(clock.step, step) for step in sums.steps),
        currency=currency,
        zone=where,
        since=selection.since,
        until=selection.until,
    )


async def _reach(connection: AsyncConnection, condition: ColumnElement[bool]) -> tuple[int, int]:
    quarter = _COLUMNS.quarter
    # Each by itself: SQLite then takes the two ends of the index.
    ends = [
        await connection.scalar(select(end(quarter)).where(condition))
        for end in (func.min, func.max)
    ]
    return int(ends[0] or 0), int(ends[1] or 0)


class _Clock:
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


def _query(
    wanted: Sequence[Group], clock: _Clock, condition: ColumnElement[bool], prices: Prices
) -> Any:
    keys: dict[str, ColumnElement[Any]] = {name: _COLUMNS[name] for name in _PRICED_BY}
    keys["epoch"] = _epoch(prices)
    for group in wanted:
        if group not in TIMES:
            keys.setdefault(group, _COLUMNS[group])
    if wanted and wanted[-1] in TIMES:
        keys["step"] = clock.number
    labelled = [column.label(name) for name, column in keys.items()]
    sums = [func.sum(_COLUMNS[name]).label(name) for name in _SUMMED]
    return select(*labelled, *sums).where(condition).group_by(*keys)


def _epoch(prices: Prices) -> ColumnElement[int]:
    """Return a moment that has the same prices as a quarter."""
    changes = prices.changes
    if not changes:
        return literal(0)
    whens = [(_COLUMNS.quarter < change, literal(change - 1)) for change in changes]
    return case(*whens, else_=literal(changes[-1]))


class _Rates:
    """The rates of sums of calls, each looked up once."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._found: dict[tuple[Any, ...], Rates | None] = {}

    def of(self, row: Any) -> Rates | None:
        """Return the rates of a row, None if they are not known."""
        key = (row.provider, row.model, row.tier, row.context, row.epoch)
        if key not in self._found:
            price = self._prices.of(row.provider, row.model, row.epoch)
            # What exceeds a step has at least one token more.
            self._found[key] = price.rates(row.tier, row.context + 1) if price else None
        return self._found[key]


@dataclass(slots=True)
class _Sum:
    calls: int = 0
    unpriced: int = 0
    unmetered: int = 0
    derived: int = 0
    dollars: float = 0.0
    tokens: list[int] = field(default_factory=lambda: [0] * 6)
    course: dict[int, int] = field(default_factory=dict)

    def row(self, key: tuple[str, ...], steps: Sequence[int], currency: Currency) -> Row:
        known = self.unpriced < self.calls or not self.calls
        return Row(
            key=key,
            calls=self.calls,
            tokens=Tokens(*self.tokens),
            cost=currency.of(self.dollars) if known else None,
            unpriced=self.unpriced,
            unmetered=self.unmetered,
            derived=self.derived,
            course=tuple(self.course.get(step, 0) for step in steps),
        )


class _Sums:
    """Add up rows of the database by what a report is made by."""

    def __init__(
        self,
        by: Sequence[Group],
        wanted: Sequence[Group],
        clock: _Clock,
        rates: _Rates,
        courses: bool,
    ) -> None:
        self._by = by
        self._clock = clock
        self._rates = rates
        self._stepped = len(wanted) > len(by)
        self._courses = courses
        self._sums: dict[tuple[str, ...], _Sum] = {}
        self._all = _Sum()

    def add(self, rows: Iterable[Any]) -> None:
        """Add what the database found."""
        for row in rows:
            dollars, unpriced = self._cost(row)
            tokens = tokens_of(row)
            step = int(row.step) if self._stepped else 0
            for total in (self._sums.setdefault(self._key(row, step), _Sum()), self._all):
                _add(total, row, tokens, dollars, unpriced)
                if self._courses:
                    total.course[step] = total.course.get(step, 0) + tokens.total

    def _cost(self, row: Any) -> tuple[float, int]:
        """Return what the calls of a row cost, and for how many that is not known."""
        if row.priced:
            return float(row.price), 0
        rates = self._rates.of(row)
        if rates is None:
            return 0.0, int(row.calls)
        return rates.sum(tokens_of(row)), int(row.unmetered)

    def _key(self, row: Any, step: int) -> tuple[str, ...]:
        return tuple(
            self._clock.label(group, step) if group in TIMES else _name(row, group)
            for group in self._by
        )

    @property
    def steps(self) -> Sequence[int]:
        """All steps from the first with a call to the last."""
        course = self._all.course
        return range(min(course), max(course) + 1) if course else ()

    def rows(self, currency: Currency) -> list[Row]:
        """Return the sums: by time as it goes, or the dearest first."""
        steps = self.steps
        found = [total.row(key, steps, currency) for key, total in self._sums.items()]
        if self._by and self._by[0] in TIMES:
            return sorted(found, key=lambda row: row.key)
        return sorted(found, key=lambda row: (-(row.cost or 0), -row.tokens.total, row.key))

    def total(self, currency: Currency) -> Row:
        """Return the sum of everything."""
        return self._all.row((), self.steps, currency)


def _add(total: _Sum, row: Any, tokens: Tokens, dollars: float, unpriced: int) -> None:
    total.calls += int(row.calls)
    total.unmetered += int(row.unmetered)
    total.derived += int(row.derived)
    total.unpriced += unpriced
    total.dollars += dollars
    kinds = total.tokens
    kinds[0] += tokens.input
    kinds[1] += tokens.cached_input
    kinds[2] += tokens.cache_write
    kinds[3] += tokens.output
    kinds[4] += tokens.reasoning
    kinds[5] += tokens.cache_write_hour


def _name(row: Any, group: Group) -> str:
    name = str(getattr(row, group))
    # Two providers may have a model of the same name, at other prices.
    return f"{row.provider}/{name}" if group == "model" and row.provider else name


def plain(report: Report) -> Mapping[str, Any]:
    """Return a report as JSON has it."""
    return {
        "since": report.since.isoformat() if report.since else None,
        "until": report.until.isoformat() if report.until else None,
        "time_zone": zone_name(report.zone),
        "currency": report.currency.code,
        "by": list(report.by),
        "rows": [plain_row(row, report.by) for row in report.rows],
        "total": plain_row(report.total, ()),
    }


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

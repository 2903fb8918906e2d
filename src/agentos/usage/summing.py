"""Sums by the database, added up to the rows of a report, each at its price."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from agentos.usage.money import Currency
from agentos.usage.prices import Prices, Rates, Tokens
from agentos.usage.quarters import COUNTED, INPUT, OUTPUT, Callers, Clock
from agentos.usage.rows import TIMES, Group, Row


class RatesOfSums:
    """The rates of sums of calls, each looked up once."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._found: dict[tuple[Any, ...], Rates | None] = {}

    def of(self, key: tuple[Any, ...]) -> Rates | None:
        """Return the rates of what the price depends on, None if they are not known."""
        if key not in self._found:
            provider, model, tier, context, epoch = key
            price = self._prices.of(provider, model, epoch)
            # What exceeds a step has at least one token more.
            self._found[key] = price.rates(tier, context + 1) if price else None
        return self._found[key]


class _Sum:
    """The sum of some rows of the database."""

    __slots__ = ("course", "dollars", "totals", "unpriced")

    def __init__(self) -> None:
        self.totals = [0] * len(COUNTED)
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
        self, by: Sequence[Group], callers: Callers, clock: Clock, prices: Prices, courses: bool
    ) -> None:
        self._by = by
        self._callers = callers
        self._clock = clock
        self._rates = RatesOfSums(prices)
        self._courses = courses
        self._timed = any(group in TIMES for group in by)
        self._keys: dict[tuple[int, int], tuple[str, ...]] = {}
        self._sums: defaultdict[tuple[str, ...], _Sum] = defaultdict(_Sum)

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add what the database found."""
        for caller, context, priced, epoch, step, *sums, price in rows:
            total = self._sums[self._key(caller, step)]
            if priced:
                total.add(sums, float(price), 0)
            else:
                total.add(sums, *self._cost(caller, context, epoch, sums))
            if self._courses:
                used = int(sums[INPUT]) + int(sums[OUTPUT])
                total.course[step] = total.course.get(step, 0) + used

    def _cost(
        self, caller: int, context: int, epoch: int, sums: Sequence[Any]
    ) -> tuple[float, int]:
        """Return what some calls cost, and for how many that is not known."""
        rates = self._rates.of((*self._callers[caller][:3], context, epoch))
        if rates is None:
            return 0.0, int(sums[0])
        return rates.sum(Tokens(*map(int, sums[INPUT:]))), int(sums[1])

    def _key(self, caller: int, step: int) -> tuple[str, ...]:
        place = caller, step if self._timed else 0
        if place not in self._keys:
            words = iter(self._callers[caller][3:])
            self._keys[place] = tuple(
                self._clock.label(group, step) if group in TIMES else next(words)
                for group in self._by
            )
        return self._keys[place]

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

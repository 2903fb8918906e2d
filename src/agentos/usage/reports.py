"""What agents used and what it cost, by whatever one likes to know it by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from agentos.usage.calendar import label, offsets, zone_name
from agentos.usage.money import DOLLAR, Currency
from agentos.usage.prices import Prices
from agentos.usage.quarters import Ask, Clock, Quarters
from agentos.usage.rows import TIMES, Group, Row, plain_row
from agentos.usage.selection import Selection
from agentos.usage.summing import Sums

if TYPE_CHECKING:
    from agentos.store import Store


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
    from sqlalchemy import Connection, text

    def told(connection: Connection) -> Report:
        def ask(query: str, bound: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
            return connection.execute(text(query), bound).all()

        return summed(
            ask,
            by,
            prices=prices,
            where=where,
            selection=selection or Selection(),
            currency=currency,
            courses=courses,
        )

    async with store.reading() as connection:
        return await connection.run_sync(told)


def summed(
    ask: Ask,
    by: Sequence[Group],
    *,
    prices: Prices,
    where: tzinfo,
    selection: Selection,
    currency: Currency,
    courses: bool = True,
) -> Report:
    """Sum up what the ledger has; see `make_report`.

    Args:
        ask: Asks the database that it is in.
    """
    quarters = Quarters(ask, selection)
    first, last = quarters.reach()
    clock = Clock(offsets(where, first, last), last - first)
    clock.choose(by)
    timed = courses or any(group in TIMES for group in by)
    callers = quarters.callers(by)
    every = prices.changes_of({f"{provider}/{model}" for provider, model, *_ in callers.values()})
    changes = [first, *(change for change in every if first < change <= last)]
    sums = Sums(by, callers, clock, prices, courses)
    sums.add(quarters.sums(clock if timed else None, changes))
    rows, total, steps = sums.report(currency)
    return Report(
        by=tuple(by),
        rows=tuple(rows),
        total=total,
        steps=tuple(label(clock.step, step) for step in steps),
        currency=currency,
        zone=where,
        since=selection.since,
        until=selection.until,
    )


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

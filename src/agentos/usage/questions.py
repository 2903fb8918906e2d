"""What can be asked of the ledger, as Python programs and the command line do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import func, select

from agentos.errors import SessionNotFound
from agentos.store import Store
from agentos.store.tables import USAGE_CALLERS, USAGE_QUARTERS
from agentos.usage.budget import BudgetStatus, budget_statuses
from agentos.usage.calendar import Period, span_of, zone
from agentos.usage.call import ModelCall
from agentos.usage.ledger import Ledger
from agentos.usage.money import Currency
from agentos.usage.price_table import known_prices
from agentos.usage.prices import Prices
from agentos.usage.reports import Report, make_report
from agentos.usage.rows import Group
from agentos.usage.selection import Selection
from agentos.usage.settings import load_usage_settings


@dataclass(frozen=True)
class PricedCall:
    """A call of the ledger, and what it cost.

    Attributes:
        number: Its number in the ledger.
        call: The call; `call.provenance` tells where it is written.
        cost: In US dollars; None if it is not known.
    """

    number: int
    call: ModelCall
    cost: float | None


async def report(
    period: Period | None = None,
    *,
    by: Sequence[Group] = ("day",),
    selection: Selection | None = None,
    time_zone: str | None = None,
    currency: Currency | None = None,
    prices: Prices | None = None,
    store: Store | None = None,
    read: bool = True,
) -> Report:
    """Tell what agents used and what it cost.

    Args:
        period: `today`, `week` (from Monday) or `month`; by default what `selection` says.
        by: What to sum up by; times come in their order, all else with the dearest first.
        selection: Which calls; by default all.
        time_zone: Where days begin; by default as `agentos.toml` says, or here.
        currency: What to tell costs in; by default as `agentos.toml` says, or US dollars.
        prices: What calls cost; by default all that are known.
        store: Where the ledger is; by default the default store.
        read: Whether to read what is new in the clients' records first.

    Returns:
        The sums. A cost is of the calls whose price is known, and `unpriced` counts the others.

    Raises:
        ConfigInvalid: The settings cannot be read, or there is no such time zone.
        StoreError: The store cannot be used.

    Example:
        ```python
        from agentos.usage import report

        month = await report("month", by=["model"], read=False)
        for row in month.rows:
            print(row.key, row.tokens.total, row.cost, row.unpriced)
        ```
    """
    settings = await asyncio.to_thread(load_usage_settings)
    where = zone(time_zone or settings.time_zone)
    chosen = selection or Selection()
    if period is not None:
        span = span_of(period, where, datetime.now(UTC))
        chosen = replace(chosen, since=span.since, until=span.until)
    async with _opened(store) as opened:
        if read:
            await Ledger(opened).ingest()
        return await make_report(
            opened,
            by,
            prices=await asyncio.to_thread(all_prices) if prices is None else prices,
            where=where,
            selection=chosen,
            currency=currency or settings.currency,
        )


async def session_calls(
    session: str, *, store: Store | None = None, after: int = 0, limit: int = 1000
) -> list[PricedCall]:
    """Tell what a session used, call by call, as they came into the ledger.

    Args:
        session: Its id, or the beginning of it.
        store: Where the ledger is; by default the default store.
        after: The number of the last call of the page before.
        limit: How many at most.

    Raises:
        SessionNotFound: The ledger has no such session, or several that begin like this.
    """
    async with _opened(store) as opened:
        chosen = Selection(sessions=(await _whole_id(opened, session),))
        return await priced_calls(opened, chosen, after=after, limit=limit)


async def priced_calls(
    store: Store, selection: Selection, *, after: int = 0, limit: int = 1000
) -> list[PricedCall]:
    """Return calls one by one with their costs, as they came into the ledger.

    Args:
        store: Where the ledger is.
        selection: Which calls.
        after: The number of the last call of the page before.
        limit: How many at most.
    """
    prices = await asyncio.to_thread(all_prices)
    calls = await Ledger(store).calls(selection, after=after, limit=limit)
    return [PricedCall(number, call, cost_of(call, prices)) for number, call in calls]


async def budgets(*, store: Store | None = None, now: datetime | None = None) -> list[BudgetStatus]:
    """Tell how far the budgets of `agentos.toml` are used up, and how far they will be.

    Args:
        store: Where the ledger is; by default the default store.
        now: The time of day.
    """
    from agentos.models.settings import load_settings

    settings = await asyncio.to_thread(load_usage_settings)
    models = await asyncio.to_thread(load_settings)
    async with _opened(store) as opened:
        return await budget_statuses(
            opened,
            models.budgets,
            settings.budgets,
            prices=known_prices(models.prices),
            where=zone(settings.time_zone),
            now=now or datetime.now(UTC),
        )


def all_prices() -> Prices:
    """Return all prices that are known, the user's own first.

    Raises:
        ConfigInvalid: The settings or the fetched list cannot be read.
    """
    from agentos.models.settings import load_settings

    return known_prices(load_settings().prices)


def cost_of(call: ModelCall, prices: Prices) -> float | None:
    """Return what a call cost in US dollars; None if that is not known."""
    if call.price is not None:
        return call.price
    price = prices.of(call.provider, call.model, call.at.timestamp())
    return None if price is None or call.tokens is None else price.of(call.tokens, call.tier)


async def _whole_id(store: Store, said: str) -> str:
    column = USAGE_CALLERS.c.session
    begins = func.substr(column, 1, len(said)) == said
    async with store.reading() as connection:
        used = USAGE_CALLERS.c.id.in_(select(USAGE_QUARTERS.c.caller_id))
        rows = await connection.execute(select(column).distinct().where(begins, used))
        found = [str(row.session) for row in rows]
    if said in found or len(found) == 1:
        return said if said in found else found[0]
    raise SessionNotFound(
        f"{'several sessions begin with' if found else 'the ledger has no session'} {said!r}",
        hint="`agentos usage --by session` lists them",
    )


@asynccontextmanager
async def _opened(store: Store | None) -> AsyncIterator[Store]:
    if store is not None:
        yield store
        return
    opened = await Store.open()
    try:
        yield opened
    finally:
        await asyncio.shield(opened.close())

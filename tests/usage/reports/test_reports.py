"""What reports add up, in which zone, at which prices."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.usage.reports.filling import fill, made

from agentos.store import Store
from agentos.usage.call import Confidence, ModelCall, Source
from agentos.usage.money import Currency
from agentos.usage.price_table import known_prices
from agentos.usage.prices import Price, PricePeriod, Prices, Rates, Tokens
from agentos.usage.reports import Report, make_report
from agentos.usage.rows import Group, Row
from agentos.usage.selection import Selection

GPT = Prices({"openai/gpt-5.4": Price(input=2.5, cached_input=0.25, output=15)})
BERLIN = ZoneInfo("Europe/Berlin")


async def report(
    store: Store, *by: Group, prices: Prices = GPT, zone: str = "UTC", **more: object
) -> Report:
    return await make_report(store, by, prices=prices, where=ZoneInfo(zone), **more)  # type: ignore[arg-type]


def costs(found: Report) -> dict[str, float | None]:
    return {"/".join(row.key): row.cost and round(row.cost, 9) for row in found.rows}


async def test_nothing_used_costs_nothing(store: Store) -> None:
    found = await report(store, "day")
    assert (found.rows, found.total.cost, found.total.calls) == ((), 0, 0)


async def test_calls_are_summed_by_model_with_the_dearest_first(store: Store) -> None:
    await fill(store, [made(1), made(2, model="gpt-5.4", tokens=Tokens(4000, 3000, output=200))])
    found = await report(store, "model")
    [row] = found.rows
    assert row.key == ("openai/gpt-5.4",)
    # 2,000 plain at 2.5, 3,000 cached at 0.25, 300 out at 15, for a million each
    assert row.cost == pytest.approx((2000 * 2.5 + 3000 * 0.25 + 300 * 15) / 1e6)
    assert row.tokens == Tokens(5000, 3000, output=300)


async def test_an_unknown_price_makes_the_sum_a_least(store: Store) -> None:
    await fill(store, [made(1), made(2, model="mystery"), made(3, model="mystery")])
    found = await report(store, "model")
    assert costs(found) == {"openai/gpt-5.4": 0.004, "openai/mystery": None}
    assert found.total.cost == pytest.approx(0.004)
    assert found.total.unpriced == 2


async def test_no_other_providers_price_stands_in(store: Store) -> None:
    await fill(store, [made(1, provider="azure"), made(2, provider="")])
    assert costs(await report(store, "model")) == {"azure/gpt-5.4": None, "gpt-5.4": None}


async def test_a_call_without_tokens_is_not_free(store: Store) -> None:
    await fill(store, [made(1, tokens=None), made(2)])
    total = (await report(store)).total
    assert (total.unmetered, total.unpriced) == (1, 1)
    assert total.cost == pytest.approx(0.004)


async def test_what_a_source_wrote_that_a_call_cost_counts(store: Store) -> None:
    await fill(store, [made(1, model="mystery", price=0.25, source=Source.GATEWAY), made(2)])
    assert costs(await report(store, "source")) == {"gateway": 0.25, "codex": 0.004}


async def test_a_long_call_costs_the_long_rate_though_only_sums_are_kept(store: Store) -> None:
    prices = Prices(
        {"openai/gpt-5.4": Price(2.5, 15, long_above=272_000, long=Rates(input=5, output=22.5))}
    )
    sizes = (272_000, 272_001, 300_000, 10)
    await fill(store, [made(size, tokens=Tokens(size, output=10)) for size in sizes])
    short, long = (272_000 + 10) * 2.5 + 20 * 15, (272_001 + 300_000) * 5 + 20 * 22.5
    assert (await report(store, prices=prices)).total.cost == pytest.approx((short + long) / 1e6)


async def test_a_tier_has_its_own_price_or_none(store: Store) -> None:
    prices = Prices({"openai/gpt-5.4": Price(2.5, 15, tiers={"batch": Price(1.25, 7.5)})})
    tiers = ("", "default", "batch", "fast")
    await fill(store, [made(n, tier=tier) for n, tier in enumerate(tiers)])
    found = costs(await report(store, "tier", prices=prices))
    assert found == {"": 0.004, "default": 0.004, "batch": 0.002, "fast": None}


async def test_each_call_costs_what_was_asked_then(store: Store) -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    cut = int((noon + timedelta(hours=1)).timestamp())
    periods = [
        PricePeriod(0, Price(2, 0)),
        PricePeriod(cut, Price(1, 0)),
        PricePeriod(cut + 3600, None),
    ]
    hours = [noon + timedelta(hours=hour) for hour in range(3)]
    await fill(store, [made(n, at=at) for n, at in enumerate(hours)])
    found = await report(store, "hour", prices=Prices({"openai/gpt-5.4": periods}))
    assert [row.cost for row in found.rows] == [pytest.approx(0.002), pytest.approx(0.001), None]


async def test_a_day_begins_at_midnight_of_the_zone(store: Store) -> None:
    late = datetime(2026, 5, 4, 22, 15, tzinfo=UTC)  # 00:15 in Berlin, 18:15 in New York
    await fill(store, [made(1, at=late)])
    days = {
        zone: (await report(store, "day", zone=zone)).rows[0].key[0]
        for zone in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
    }
    assert days == {
        "UTC": "2026-05-04",
        "Europe/Berlin": "2026-05-05",
        "America/New_York": "2026-05-04",
        "Asia/Kathmandu": "2026-05-05",
    }


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Europe/Berlin", datetime(2026, 3, 28, tzinfo=UTC)),  # a day of 23 hours
        ("Europe/Berlin", datetime(2026, 10, 24, tzinfo=UTC)),  # and one of 25
        ("America/Sao_Paulo", datetime(2018, 11, 3, tzinfo=UTC)),  # midnight is skipped
        ("America/Havana", datetime(2025, 11, 1, tzinfo=UTC)),  # midnight comes twice
        ("Australia/Lord_Howe", datetime(2026, 4, 3, tzinfo=UTC)),  # half an hour
        ("Asia/Kathmandu", datetime(2026, 4, 3, tzinfo=UTC)),  # 5:45 from UTC
    ],
)
async def test_days_are_those_of_the_calendar_where_clocks_change(
    store: Store, zone: str, first: datetime
) -> None:
    times = [first + timedelta(minutes=15 * number) for number in range(4 * 24 * 4)]
    await fill(store, [made(number, at=at) for number, at in enumerate(times)])
    found = await report(store, "day", zone=zone)
    local = [at.astimezone(ZoneInfo(zone)).date().isoformat() for at in times]
    expected = {day: len(list(same)) for day, same in itertools.groupby(local)}
    assert {row.key[0]: row.calls for row in found.rows} == expected


async def test_weeks_and_months_are_made_of_the_zones_days(store: Store) -> None:
    at = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)  # 2026 in Berlin, in the week of 2025-12-29
    await fill(store, [made(1, at=at)])
    found = await report(store, "month", "week", zone="Europe/Berlin")
    assert found.rows[0].key == ("2026-01", "2026-W01")


async def test_a_row_has_its_course_over_the_days(store: Store) -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    await fill(
        store,
        [
            made(1, at=noon),
            made(2, at=noon + timedelta(days=3)),
            made(3, at=noon + timedelta(days=1), model="b"),
        ],
    )
    found = await report(store, "model")
    assert found.steps == ("2026-05-04", "2026-05-05", "2026-05-06", "2026-05-07")
    assert found.rows[0].course == (1100, 0, 0, 1100)
    assert found.total.course == (1100, 1100, 0, 1100)


async def test_only_what_is_selected_counts(store: Store) -> None:
    noon = datetime(2026, 5, 4, 12, tzinfo=UTC)
    calls = [made(n, at=noon + timedelta(days=n), project=f"/p{n % 2}") for n in range(4)]
    await fill(store, calls)
    selection = Selection(since=noon, until=noon + timedelta(days=3), projects=("/p0",))
    assert (await report(store, selection=selection)).total.calls == 2


async def test_costs_are_told_in_the_users_currency(store: Store) -> None:
    await fill(store, [made(1)])
    found = await report(store, currency=Currency("EUR", 0.5))
    assert found.total.cost == pytest.approx(0.002)
    assert found.currency.show(found.total.cost) == "€0.0020"


AUTUMN = datetime(2026, 9, 1, tzinfo=UTC)  # some prices change
WORDS = st.sampled_from(["", "a", "b"])
CALLS = st.lists(
    st.builds(
        made,
        st.just(0),
        tokens=st.none()
        | st.builds(
            Tokens,
            st.sampled_from([3_000, 150_000, 250_000, 300_000]),
            st.integers(0, 1000),
            st.integers(500, 1000),
            st.integers(0, 5000),
            st.integers(0, 50),
            st.integers(0, 500),
        ),
        provider=st.sampled_from(["openai", "anthropic", ""]),
        model=st.sampled_from(["gpt-5.5", "claude-sonnet-5-5", "claude-haiku-5-5", "mystery"]),
        at=st.integers(0, 60 * 86400).map(lambda n: AUTUMN + timedelta(seconds=n)),
        session=WORDS,
        project=WORDS,
        profile=WORDS,
        agent=WORDS,
        client=WORDS,
        tier=st.sampled_from(["", "batch", "priority", "odd"]),
        confidence=st.sampled_from(list(Confidence)),
        price=st.none() | st.sampled_from([0.0, 0.5]),
    ),
    max_size=30,
)
GROUPS = st.lists(st.sampled_from(get_args(Group)), max_size=3, unique=True)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=CALLS, by=GROUPS, zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]))
async def test_sums_by_anything_equal_the_total_and_the_calls_one_by_one(
    calls: list[ModelCall], by: Sequence[Group], zone: str
) -> None:
    store = await Store.open("sqlite://")
    try:
        await fill(store, [renumbered(number, call) for number, call in enumerate(calls)])
        found = await report(store, *by, prices=known_prices(), zone=zone)
    finally:
        await store.close()
    assert counts(found.rows) == counts([found.total])
    assert sum(row.cost or 0 for row in found.rows) == pytest.approx(found.total.cost or 0)
    alone = [cost(call) for call in calls]
    assert (found.total.cost or 0) == pytest.approx(sum(one or 0 for one in alone))
    assert found.total.unpriced == alone.count(None)
    assert (found.total.cost is None) == (bool(alone) and set(alone) == {None})


def renumbered(number: int, call: ModelCall) -> ModelCall:
    values = {field.name: getattr(call, field.name) for field in fields(call)}
    return ModelCall(**values | {"identity": f"call-{number}"})


def cost(call: ModelCall) -> float | None:
    """What a call costs by itself, the way the gateway reckons."""
    if call.price is not None:
        return call.price
    price = known_prices().of(call.provider, call.model, call.at.timestamp())
    return None if price is None or call.tokens is None else price.of(call.tokens, call.tier)


def counts(rows: Sequence[Row]) -> list[int]:
    return [
        sum(row.calls for row in rows),
        sum(row.unpriced for row in rows),
        sum(row.unmetered for row in rows),
        sum(row.derived for row in rows),
        sum(sum(row.course) for row in rows),
        *(sum(getattr(row.tokens, field.name) for row in rows) for field in fields(Tokens)),
    ]

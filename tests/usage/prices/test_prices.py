"""What a call costs, and where that is written down."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from agentos.errors import ConfigInvalid
from agentos.models.settings import load_settings
from agentos.usage.call import CONTEXT_STEPS
from agentos.usage.price_table import (
    fetched_list,
    known_prices,
    listed_prices,
    parse_list,
    write_list,
)
from agentos.usage.prices import Price, PricePeriod, Prices, Rates, Tokens

BUNDLED = listed_prices()


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))


def test_each_kind_of_token_has_its_rate() -> None:
    price = Price(input=3, output=15, cached_input=0.3, cache_write=3.75, cache_write_hour=6)
    tokens = Tokens(
        input=10_000,
        cached_input=5_000,
        cache_write=3_000,
        cache_write_hour=1_000,
        output=700,
        reasoning=600,  # inside output: it costs nothing more
    )
    dollars = 2_000 * 3 + 5_000 * 0.3 + 2_000 * 3.75 + 1_000 * 6 + 700 * 15
    assert price.of(tokens) == pytest.approx(dollars / 1e6)


def test_what_is_not_told_apart_costs_as_input() -> None:
    assert Price(2, 0).of(Tokens(100, 30, 40)) == pytest.approx(200 / 1e6)


def test_a_long_call_costs_more_altogether() -> None:
    price = Price(1, 10, long_above=200_000, long=Rates(2, 15))
    assert price.of(Tokens(200_000, output=100)) == pytest.approx((200_000 + 1000) / 1e6)
    assert price.of(Tokens(200_001, output=100)) == pytest.approx((400_002 + 1500) / 1e6)


def test_of_a_long_call_whose_rate_is_unknown_nothing_is_guessed() -> None:
    price = Price(1, 10, long_above=200_000)
    assert price.of(Tokens(200_001)) is None
    assert price.at_most(Tokens(200_001)) == math.inf


def test_a_tier_that_is_not_listed_has_no_price() -> None:
    price = Price(1, 10, tiers={"priority": Price(2, 20)})
    million = Tokens(1_000_000)
    assert [price.of(million, tier) for tier in ("", "standard", "fast", "batch")] == [
        *(1, 1, 2),
        None,
    ]


def test_a_price_holds_from_its_day_on() -> None:
    prices = Prices({"a/b": [PricePeriod(100, Price(2, 2)), PricePeriod(200, None)]})
    found = [prices.of("a", "b", at) for at in (99, 100, 199, 200)]
    assert found == [None, Price(2, 2), Price(2, 2), None]
    assert prices.of("a", "b") is None


def test_a_price_is_of_its_provider_only() -> None:
    prices = Prices({"openai/gpt-5.4": Price(1, 1)})
    assert prices.of("azure", "gpt-5.4") is None
    assert prices.of("", "gpt-5.4") is None


@pytest.mark.parametrize("entry", BUNDLED, ids=[entry.name for entry in BUNDLED])
def test_a_bundled_price_is_dated_and_plausible(entry: object) -> None:
    assert entry.source.startswith("https://")  # type: ignore[attr-defined]
    assert "2026-01-01" < entry.read < "2027-01-01"  # type: ignore[attr-defined]
    for period in entry.periods:  # type: ignore[attr-defined]
        for price in with_tiers(period.price):
            assert 0 < price.input < price.output
            assert (price.cached_input or 0) < price.input
            assert price.long_above in (None, *CONTEXT_STEPS[1:])
            assert price.long is None or price.long.input > price.input


def with_tiers(price: Price | None) -> list[Price]:
    return [] if price is None else [price, *price.tiers.values()]


def test_prices_as_their_providers_list_them() -> None:
    prices = known_prices()
    may, november = 1_777_900_000, 1_795_000_000
    opus = prices.of("anthropic", "claude-opus-4-5-20251101")
    assert opus is not None
    assert (opus.input, opus.cached_input, opus.cache_write, opus.cache_write_hour) == (
        *(5, 0.5, 6.25),
        10,
    )
    assert opus.tiers["batch"].output == 12.5
    gpt = prices.of("openai", "gpt-5.5", may)
    assert gpt is not None
    assert (gpt.input, gpt.output, gpt.long_above, gpt.long) == (
        *(5, 30, 272_000),
        Rates(10, 45, 1),
    )
    assert prices.of("openai", "gpt-6-sol", may) is None  # there was none yet
    sonnet = [prices.of("anthropic", "claude-sonnet-5-5", at) for at in (may, november)]
    assert [price and price.cached_input for price in sonnet] == [0.2, 0.1]


def test_the_users_own_price_goes_first(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text(
        """
        [prices."openai/gpt-5.5"]
        input = 1
        output = 2
        cache_write_hour = 3
        long = { above = 272000, input = 4, output = 5 }
        tiers.batch = { input = 0.5, output = 1 }
        [prices."local/mine"]
        input = 0
        output = 0
        """
    )
    prices = known_prices(load_settings().prices)
    batch = Price(0.5, 1)
    assert prices.of("openai", "gpt-5.5") == Price(
        1, 2, None, None, 3, 272_000, Rates(4, 5), {"batch": batch}
    )
    free = prices.of("local", "mine")
    assert free is not None
    assert free.of(Tokens(1000)) == 0  # known, and nothing
    assert prices.of("openai", "gpt-5.4") == known_prices().of("openai", "gpt-5.4")


def test_a_list_that_is_written_reads_the_same() -> None:
    assert parse_list(json.loads(write_list(BUNDLED, "2026-11-21"))) == BUNDLED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting"),
        ("[]", "no table"),
        ('{"prices": {"gpt": {}}}', "not provider/model"),
        ('{"prices": {"a/b": {"periods": [{"input": -1, "output": 1}]}}}', "cannot be -1"),
        ('{"prices": {"a/b": {"periods": [{"input": 1}]}}}', "output"),
        ('{"prices": {"a/b": {"periods": 3}}}', "a/b"),
    ],
)
def test_a_damaged_list_is_an_error_that_names_it(text: str, said: str) -> None:
    fetched_list().parent.mkdir()
    fetched_list().write_text(text)
    with pytest.raises(ConfigInvalid, match=said) as caught:
        known_prices()
    assert str(fetched_list()) in caught.value.message

"""Where prices are written down: the bundled list, the one fetched since, the user's own."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agentos.config import data_dir
from agentos.errors import ConfigInvalid
from agentos.usage.prices import CONTEXT_STEPS, Price, PricePeriod, Prices, Rates

TYPE_CHECKING = False  # a status line has no time for typing
if TYPE_CHECKING:
    from typing import Any

_BUNDLED = Path(__file__).with_name("prices.json")
_RATES = ("input", "output", "cached_input", "cache_write", "cache_write_hour")


@dataclass(frozen=True)
class ListedPrice:
    """A model's prices, and who says so.

    Attributes:
        name: `provider/model`.
        periods: Its prices, oldest first.
        source: The page that they were read on, or `agentos.toml`.
        read: The day on which they were found there, as YYYY-MM-DD; empty of the user's own.
    """

    name: str
    periods: tuple[PricePeriod, ...]
    source: str
    read: str = ""

    @property
    def current(self) -> Price | None:
        """The price that holds now."""
        provider, _, model = self.name.partition("/")
        return Prices({self.name: self.periods}).of(provider, model, time.time())


def known_prices(
    own: Mapping[str, Price] | None = None, names: Collection[str] | None = None
) -> Prices:
    """Return all prices that are known; the user's own go first, then those fetched latest.

    Args:
        own: The user's, by `provider/model`.
        names: Only of these, which is faster.

    Raises:
        ConfigInvalid: The list that was fetched is damaged.
    """
    return Prices({entry.name: entry.periods for entry in listed_prices(own, names)})


def listed_prices(
    own: Mapping[str, Price] | None = None, names: Collection[str] | None = None
) -> list[ListedPrice]:
    """Return all prices that are known with their sources, sorted by name.

    Args:
        own: The user's, by `provider/model`.
        names: Only of these.

    Raises:
        ConfigInvalid: The list that was fetched is damaged.
    """
    found = {entry.name: entry for entry in read_list(_BUNDLED, names)}
    fetched = fetched_list()
    if fetched.exists():
        found |= {entry.name: entry for entry in read_list(fetched, names)}
    for name, price in (own or {}).items():
        found[name] = ListedPrice(name, (PricePeriod(0, price),), "agentos.toml")
    return [found[name] for name in sorted(found)]


def fetched_list() -> Path:
    """Return where `agentos prices refresh` keeps what it fetched."""
    return data_dir() / "prices.json"


def read_list(path: Path, names: Collection[str] | None = None) -> list[ListedPrice]:
    """Read a list of prices, or of it only some names.

    Raises:
        ConfigInvalid: It is none.
    """
    try:
        return parse_list(json.loads(path.read_bytes()), names)
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid(
            f"{path} is no list of prices: {error}",
            code="prices_invalid",
            hint="`agentos prices refresh` fetches one; without the file the bundled one holds",
        ) from error


def parse_list(said: Any, names: Collection[str] | None = None) -> list[ListedPrice]:
    """Understand a list of prices, or of it only some names.

    Raises:
        ValueError: It is none; tells where.
    """
    if not isinstance(said, dict) or not isinstance(said.get("prices"), dict):
        raise ValueError('it has no table "prices"')
    found = []
    for name, entry in said["prices"].items():
        if "/" not in name:
            raise ValueError(f"{name!r} is not provider/model")
        try:
            provider = name.split("/", 1)[0]
            every = (name, *(f"{provider}/{model}" for model in entry.get("names", ())))
            wanted = [each for each in every if names is None or each in names]
            if not wanted:
                continue
            periods = tuple(_period(one) for one in entry["periods"])
            source, read = str(entry.get("source", "")), str(entry.get("read", ""))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
        found += [ListedPrice(each, periods, source, read) for each in wanted]
    return found


def _period(said: Mapping[str, Any]) -> PricePeriod:
    since = said.get("since")
    begins = datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp() if since else 0
    return PricePeriod(int(begins), parse_price(said) if "input" in said else None)


def parse_price(said: Mapping[str, Any]) -> Price:
    """Understand a price as a list, or `agentos.toml`, has it.

    Raises:
        ValueError: It is none; so are KeyError and TypeError.
    """
    tiers = {name: parse_price(tier) for name, tier in said.get("tiers", {}).items()}
    beyond = said.get("long")
    rates = _rates(said)
    if beyond is None:
        return Price(**rates, tiers=tiers)
    above = int(beyond["above"])
    if above not in CONTEXT_STEPS:
        raise ValueError(f"long calls begin above one of {CONTEXT_STEPS[1:]}, not {above}")
    long = Rates(**_rates(beyond)) if "input" in beyond else None
    return Price(**rates, long_above=above, long=long, tiers=tiers)


def _rates(said: Mapping[str, Any]) -> dict[str, Any]:
    rates = {name: float(said[name]) for name in _RATES if said.get(name) is not None}
    if any(not math.isfinite(rate) or rate < 0 for rate in rates.values()):
        raise ValueError(f"a price cannot be {min(rates.values())}")
    return rates


def plain_rates(rates: Rates) -> dict[str, Any]:
    """Return rates as a list has them."""
    said = {name: getattr(rates, name) for name in _RATES}
    return {name: value for name, value in said.items() if value is not None}


def plain_price(price: Price | None) -> dict[str, Any]:
    """Return a price as a list has it; nothing of one that is not known."""
    if price is None:
        return {}
    said = plain_rates(price)
    if price.long_above is not None:
        said["long"] = {"above": price.long_above}
        said["long"] |= plain_rates(price.long) if price.long else {}
    if price.tiers:
        said["tiers"] = {name: plain_price(tier) for name, tier in price.tiers.items()}
    return said


def plain_listed(entry: ListedPrice) -> dict[str, Any]:
    """Return a model's prices as JSON has them, with their name."""
    return {"name": entry.name, **_plain_entry(entry)}


def write_list(entries: Sequence[ListedPrice], as_of: str) -> bytes:
    """Return a list of prices as its file has it."""
    prices = {entry.name: _plain_entry(entry) for entry in entries}
    said = {"as_of": as_of, "currency": "USD", "unit": 1_000_000, "prices": prices}
    return (json.dumps(said, indent=1) + "\n").encode()


def _plain_entry(entry: ListedPrice) -> dict[str, Any]:
    periods = [
        ({"since": _day(period.since)} if period.since else {}) | plain_price(period.price)
        for period in entry.periods
    ]
    return {"source": entry.source, "read": entry.read, "periods": periods}


def _day(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).date().isoformat()

"""Fetch a list of prices: one in the form of the bundled one, or OpenRouter's list of models."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agentos.errors import ConfigInvalid, RegistryUnreachable
from agentos.home.replacing import replace_file
from agentos.usage.price_table import (
    ListedPrice,
    fetched_list,
    parse_list,
    read_list,
    write_list,
)
from agentos.usage.prices import Price, PricePeriod

OPENROUTER = "https://openrouter.ai/api/v1/models"
_MILLION = 1_000_000
_TIMEOUT = 30.0  # seconds
_LARGEST = 50_000_000  # bytes
#: OpenRouter's words, in US dollars for a token.
_WORDS = {
    "input": "prompt",
    "output": "completion",
    "cached_input": "input_cache_read",
    "cache_write": "input_cache_write",
}


@dataclass(frozen=True)
class Refreshed:
    """What a refresh has found.

    Attributes:
        path: Where it is kept.
        prices: How many models have a price now.
        changed: Those whose price is another one than before, or new.
    """

    path: Path
    prices: int
    changed: tuple[str, ...]


async def refresh_prices(url: str | None = None, *, now: datetime | None = None) -> Refreshed:
    """Fetch prices and keep them; what was known before stays if that fails.

    A price that has changed holds from now on: what was used before costs what it did.

    Args:
        url: A list in the form of the bundled one, or OpenRouter's models; by default these.
        now: The time of day.

    Raises:
        RegistryUnreachable: Nothing came from there.
        ConfigInvalid: What came is no list of prices.
    """
    url, now = url or OPENROUTER, now or datetime.now(UTC)
    body = await _fetch(url)
    try:
        said = json.loads(body)
        found = _of_openrouter(said["data"], url) if "data" in said else parse_list(said)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ConfigInvalid(
            f"what {url} answered is no list of prices: {error}",
            code="prices_invalid",
            hint="the prices of before stay",
        ) from error
    if not found:
        raise ConfigInvalid(
            f"{url} lists no price", code="prices_invalid", hint="the prices of before stay"
        )
    return await asyncio.to_thread(_keep, found, now)


async def _fetch(url: str) -> bytes:
    import httpx2

    client = httpx2.AsyncClient(timeout=_TIMEOUT, follow_redirects=True)
    try:
        async with client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST:
                    raise RegistryUnreachable(
                        f"the list of prices at {url} is larger than {_LARGEST:,} bytes",
                        hint="the prices of before stay",
                    )
            return bytes(body)
    except httpx2.HTTPError as error:
        raise RegistryUnreachable(
            f"no prices came from {url}: {error or type(error).__name__}",
            hint="the prices of before stay; prices_url under [usage] names another place",
        ) from error


def _of_openrouter(models: Any, url: str) -> list[ListedPrice]:
    found = []
    for model in models:
        price = _price(model["pricing"])
        if price is not None:
            name = f"openrouter/{model['id']}"
            found.append(ListedPrice(name, (PricePeriod(0, price),), url))
    return found


def _price(said: Mapping[str, Any]) -> Price | None:
    """Read a price, if it is one that tokens alone decide on."""
    rates = {name: float(said[word]) * _MILLION for name, word in _WORDS.items() if said.get(word)}
    known = all(math.isfinite(rate) and rate >= 0 for rate in rates.values())
    if not known or not {"input", "output"} <= rates.keys():
        return None  # -1: it depends on the model that the router chooses
    rounded: dict[str, Any] = {name: float(f"{rate:.10g}") for name, rate in rates.items()}
    return Price(**rounded)


def _keep(found: list[ListedPrice], now: datetime) -> Refreshed:
    path = fetched_list()
    before = {entry.name: entry for entry in read_list(path)} if path.exists() else {}
    day = now.date().isoformat()
    after, changed = dict(before), []
    for entry in found:
        old = before.get(entry.name)
        if old is None or old.current != entry.current:
            changed.append(entry.name)
        after[entry.name] = replace(entry, periods=_since(old, entry, now), read=day)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    replace_file(path, write_list([after[name] for name in sorted(after)], day))
    return Refreshed(path, len(found), tuple(changed))


def _since(old: ListedPrice | None, new: ListedPrice, now: datetime) -> tuple[PricePeriod, ...]:
    """Return the periods of a price: a new one begins today, and ends the one before."""
    if old is None or len(new.periods) > 1:
        return new.periods
    if old.current == new.current:
        return old.periods
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    today = int(midnight.timestamp())
    kept = tuple(period for period in old.periods if period.since < today)
    return (*kept, PricePeriod(today if kept else 0, new.periods[0].price))

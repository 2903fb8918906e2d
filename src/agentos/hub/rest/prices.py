"""Prices over REST, for their owner: what models cost, who says so, and what is not known."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged
from agentos.models.settings import load_settings
from agentos.settings.editing import set_values, unset_value
from agentos.usage.price_refresh import refresh_prices
from agentos.usage.price_table import ListedPrice, listed_prices
from agentos.usage.prices import PricePeriod
from agentos.usage.questions import report
from agentos.usage.settings import load_usage_settings

Owner = Annotated[Principal, needs(Scope.ALL)]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: Who says so, of prices that the user wrote down.
OWN = "agentos.toml"


class PriceFrom(BaseModel):
    """What a million tokens cost in US dollars from a day on; all are null if that is unknown."""

    since: date | None
    input: float | None
    output: float | None
    cached_input: float | None
    cache_write: float | None
    long_above: int | None
    tiers: list[str]

    @classmethod
    def of(cls, period: PricePeriod) -> PriceFrom:
        price = period.price
        return cls(
            since=datetime.fromtimestamp(period.since, UTC).date() if period.since else None,
            input=price.input if price else None,
            output=price.output if price else None,
            cached_input=price.cached_input if price else None,
            cache_write=price.cache_write if price else None,
            long_above=price.long_above if price else None,
            tiers=sorted(price.tiers) if price else [],
        )


class ModelPrice(BaseModel):
    """A model's prices, oldest first; the last one holds now."""

    name: str
    own: bool
    known: bool
    source: str
    read: str
    periods: list[PriceFrom]

    @classmethod
    def of(cls, entry: ListedPrice) -> ModelPrice:
        return cls(
            name=entry.name,
            own=entry.source == OWN,
            known=entry.current is not None,
            source=entry.source,
            read=entry.read,
            periods=[PriceFrom.of(period) for period in entry.periods],
        )


class UnpricedModel(BaseModel):
    """A model that was used, and of which calls have no price."""

    name: str
    calls: int


class PriceList(BaseModel):
    """Prices by name, and the models in use without one."""

    prices: list[ModelPrice]
    unpriced: list[UnpricedModel]
    total: int
    next: str | None


class OwnPrice(BaseModel):
    """A price of the user's own, which goes before all others."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[^/\s]+/\S+$", max_length=300)]
    input: Rate
    output: Rate
    cached_input: Rate | None = None
    cache_write: Rate | None = None


class RefreshedPrices(BaseModel):
    """What a refresh has found."""

    prices: int
    changed: list[str]


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    router = APIRouter(prefix="/api/v1/prices", tags=["prices"])
    file = hub.home / OWN

    @router.get("", response_model=PriceList)
    async def list_prices(
        request: Request,
        owner: Owner,
        search: Annotated[str, Query(max_length=200, description="Words of the name.")] = "",
        own: Annotated[bool, Query(description="Only the user's.")] = False,
        after: Annotated[str | None, Query(max_length=300)] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Response:
        """List what models cost, by name."""
        words = search.lower().split()

        def read() -> list[ListedPrice]:
            found = listed_prices(load_settings(file).prices)
            return [
                each
                for each in found
                if all(word in each.name.lower() for word in words)
                and (not own or each.source == OWN)
            ]

        found = await asyncio.to_thread(read)
        begin = bisect_right(found, after, key=lambda each: each.name) if after else 0
        some, more = found[begin : begin + limit], begin + limit < len(found)
        used = await report(by=["model"], store=hub.store, read=False)
        answer = PriceList(
            prices=[ModelPrice.of(each) for each in some],
            unpriced=[
                UnpricedModel(name=row.key[0], calls=row.unpriced)
                for row in used.rows
                if row.unpriced > row.unmetered
            ],
            total=len(found),
            next=some[-1].name if more else None,
        )
        return tagged(request, answer)

    @router.put("/own", status_code=204)
    async def set_price(owner: Owner, price: OwnPrice) -> None:
        """Write a price of one's own into `agentos.toml`."""
        hub.require_home()
        values: dict[tuple[str | int, ...], object] = {
            ("prices", price.name, key): rate
            for key, rate in price.model_dump(exclude={"name"}).items()
        }
        await asyncio.to_thread(set_values, file, values)

    @router.delete("/own", status_code=204)
    async def remove_price(owner: Owner, name: Annotated[str, Query(max_length=300)]) -> None:
        """Take a price of one's own out of `agentos.toml`; the listed one holds again."""
        hub.require_home()
        if not await asyncio.to_thread(unset_value, file, ("prices", name)):
            raise Refused(
                404, "price_unknown", f"agentos.toml has no price of {name}", hint="read the list"
            )

    @router.post("/refresh")
    async def refresh(owner: Owner) -> RefreshedPrices:
        """Fetch prices; those known before stay if that fails."""
        settings = await asyncio.to_thread(load_usage_settings, file)
        done = await refresh_prices(settings.prices_url)
        return RefreshedPrices(prices=done.prices, changed=list(done.changed))

    app.include_router(router)

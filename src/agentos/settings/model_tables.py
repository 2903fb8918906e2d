"""The tables of models: `models`, `providers`, `budgets`, `prices`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from agentos.errors import ConfigInvalid
from agentos.settings.table import Area, Table

if TYPE_CHECKING:
    from agentos.models.credentials import KeySource
    from agentos.models.providers import Provider
    from agentos.models.settings import ModelSettings
    from agentos.settings.document import Document
    from agentos.usage.prices import Price


class KeyTable(Table):
    env: str | None = None
    command: list[str] | None = None
    keyring: str | None = None

    def source(self, provider: str) -> KeySource:
        from agentos.models.credentials import CommandKey, EnvKey, KeyringKey

        given = [v for v in (self.env, self.command, self.keyring) if v]
        if len(given) != 1:
            raise ConfigInvalid(
                f"the key of the provider {provider!r} names {len(given)} places for it",
                hint='one of { env = "..." }, { command = [...] }, { keyring = "service/user" }',
            )
        if self.env:
            return EnvKey(self.env)
        if self.command:
            return CommandKey(tuple(self.command))
        service, _, user = (self.keyring or "").partition("/")
        return KeyringKey(service, user or provider)


class ProviderTable(Table):
    base_url: str | None = None
    key: KeyTable | None = None
    speaks: list[Literal["responses", "chat", "messages"]] | None = None
    key_header: Literal["authorization", "x-api-key", "api-key"] | None = None
    headers: dict[str, str] | None = None
    query: dict[str, str] | None = None
    connect_timeout: float | None = Field(default=None, gt=0)
    timeout: float | None = Field(default=None, gt=0)
    retries: int | None = Field(default=None, ge=0, le=10)

    def provider(self, name: str) -> Provider:
        from agentos.models.providers import Provider, known_providers
        from agentos.models.upstream import Wire

        wires = {"responses": Wire.RESPONSES, "chat": Wire.CHAT, "messages": Wire.MESSAGES}
        given: dict[str, Any] = self.model_dump(exclude_none=True, exclude={"key", "speaks"})
        if self.key:
            given["key"] = self.key.source(name)
        if self.speaks:
            given["speaks"] = tuple(wires[wire] for wire in self.speaks)
        known = known_providers().get(name)
        if known:
            return replace(known, **given)
        if "base_url" not in given:
            names = ", ".join(known_providers())
            raise ConfigInvalid("it has no base_url", hint=f"only these need none: {names}")
        return Provider(name, **given)


class ModelsTable(Table):
    default: str | None = None
    aliases: dict[str, str] = Field(default_factory=dict)
    fallbacks: dict[str, list[str]] = Field(default_factory=dict)


class BudgetTable(Table):
    money: float | None = None
    tokens: int | None = None
    per: Literal["session", "profile", "day"] = "session"
    profile: str | None = None
    calls_per_minute: float | None = None
    tokens_per_minute: float | None = None


class RatesTable(Table):
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    cache_write: float | None = Field(default=None, ge=0)
    cache_write_hour: float | None = Field(default=None, ge=0)


class LongRatesTable(RatesTable):
    above: Literal[100_000, 128_000, 200_000, 272_000]  # what sums of calls are kept by


class PriceTable(RatesTable):
    long: LongRatesTable | None = None
    tiers: dict[str, RatesTable] | None = None

    def price(self) -> Price:
        from agentos.usage.prices import Price, Rates

        rates = self.model_dump(include=set(RatesTable.model_fields))
        tiers = {name: Price(**tier.model_dump()) for name, tier in (self.tiers or {}).items()}
        if self.long is None:
            return Price(**rates, tiers=tiers)
        long = Rates(**self.long.model_dump(exclude={"above"}))
        return Price(**rates, long_above=self.long.above, long=long, tiers=tiers)


class ModelArea(Table):
    models: ModelsTable = ModelsTable()
    providers: dict[str, ProviderTable] = Field(default_factory=dict)
    budgets: list[BudgetTable] = Field(default_factory=list)
    prices: dict[str, PriceTable] = Field(default_factory=dict)


def model_settings(document: Document) -> ModelSettings:
    """Return what a document says of models."""
    from agentos.models.budgets import Budget
    from agentos.models.settings import ModelSettings

    said = document.tables(ModelArea)
    providers = []
    for name, table in said.providers.items():
        with document.at("providers", name):
            providers.append(table.provider(name))
    budgets = []
    for number, budget in enumerate(said.budgets):
        with document.at("budgets", number):
            budgets.append(Budget(**budget.model_dump()))
    return ModelSettings(
        providers=tuple(providers),
        default=said.models.default or (providers[0].name if providers else None),
        aliases=said.models.aliases,
        fallbacks=said.models.fallbacks,
        budgets=tuple(budgets),
        prices={name: price.price() for name, price in said.prices.items()},
    )


AREA = Area(ModelArea, model_settings)

"""What tokens cost, for each provider and model. A price that is not known is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a call.

    Attributes:
        input: All input tokens.
        cached_input: Those of `input` that came from the provider's cache.
        cache_write: Those of `input` that were written to it, where that has a price.
        cache_write_hour: Those of `cache_write` that it keeps for an hour, which costs more.
        output: All output tokens.
        reasoning: Those of `output` that nobody sees.
    """

    input: int = 0
    cached_input: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write_hour: int = 0

    @property
    def total(self) -> int:
        """Input and output."""
        return self.input + self.output


@dataclass(frozen=True, slots=True)
class Price:
    """Prices in US dollars for a million tokens.

    Args:
        input: Of input.
        output: Of output, reasoning included.
        cached_input: Of input from the cache; by default as `input`.
        cache_write: Of input written to the cache; by default as `input`.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None

    def of(self, tokens: Tokens) -> float:
        """Return what tokens cost, in US dollars."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        plain = tokens.input - tokens.cached_input - tokens.cache_write
        dollars = plain * self.input + tokens.cached_input * cached + tokens.cache_write * written
        return (dollars + tokens.output * self.output) / _MILLION

    def at_most(self, tokens: Tokens) -> float:
        """Return what tokens cost if each input token has the highest price."""
        highest = max(self.input, self.cached_input or 0, self.cache_write or 0)
        return (tokens.input * highest + tokens.output * self.output) / _MILLION


class Prices:
    """Prices by `provider/model`. One provider's price never stands in for another's.

    Args:
        table: The prices that are known.
    """

    def __init__(self, table: Mapping[str, Price] | None = None) -> None:
        self._table = dict(table or {})

    def of(self, provider: str, model: str) -> Price | None:
        """Return the price of a provider's model, or None if it is not known."""
        return self._table.get(f"{provider}/{model}")

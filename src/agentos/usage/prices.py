"""What tokens cost, for each provider and model. A price that is not known is None, never 0."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

#: Sizes of input, in tokens, above which some provider charges otherwise for the whole call.
CONTEXT_STEPS = (0, 100_000, 128_000, 200_000, 272_000)
_MILLION = 1_000_000
#: What clients call the tier that costs what the price says, beside leaving it out.
_STANDARD = frozenset(("", "standard", "default", "auto"))
#: Names that clients have for a tier, beside the one that price lists use.
_TIERS = {"fast": "priority"}


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

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            self.input + other.input,
            self.cached_input + other.cached_input,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
            self.cache_write_hour + other.cache_write_hour,
        )


@dataclass(frozen=True)
class Rates:
    """What a million tokens of each kind cost, in US dollars.

    Args:
        input: Of input.
        output: Of output, reasoning included.
        cached_input: Of input from the cache; by default as `input`.
        cache_write: Of input written to the cache; by default as `input`.
        cache_write_hour: Of input that the cache keeps for an hour; by default as `cache_write`.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    cache_write_hour: float | None = None

    def sum(self, tokens: Tokens) -> float:
        """Return what tokens cost at these rates, however many calls they are of."""
        cached = self.input if self.cached_input is None else self.cached_input
        written = self.input if self.cache_write is None else self.cache_write
        kept = written if self.cache_write_hour is None else self.cache_write_hour
        plain = tokens.input - tokens.cached_input - tokens.cache_write
        dollars = plain * self.input + tokens.cached_input * cached + tokens.output * self.output
        dollars += (tokens.cache_write - tokens.cache_write_hour) * written
        return (dollars + tokens.cache_write_hour * kept) / _MILLION

    @property
    def highest_input(self) -> float:
        """The most that an input token can cost."""
        return max(
            self.input, self.cached_input or 0, self.cache_write or 0, self.cache_write_hour or 0
        )


@dataclass(frozen=True)
class Price(Rates):
    """Prices in US dollars for a million tokens.

    Args:
        input: Of input.
        output: Of output, reasoning included.
        cached_input: Of input from the cache; by default as `input`.
        cache_write: Of input written to the cache; by default as `input`.
        cache_write_hour: Of input that the cache keeps for an hour; by default as `cache_write`.
        long_above: A call with more input tokens than this costs `long`, all of it.
        long: The rates of such a call; None if they are not known.
        tiers: The prices of service tiers, such as `batch`; one that is not here is not known.

    Example:
        ```python
        from agentos import Price
        from agentos.usage.prices import Tokens

        price = Price(input=1.25, cached_input=0.125, output=10)
        print(price.of(Tokens(input=10_000, cached_input=8_000, output=500)))  # 0.0085
        ```
    """

    long_above: int | None = None
    long: Rates | None = None
    tiers: Mapping[str, Price] = field(default_factory=dict, hash=False)

    def of(self, tokens: Tokens, tier: str = "") -> float | None:
        """Return what one call costs, in US dollars; None if that is not known.

        Args:
            tokens: The tokens of one call.
            tier: The service tier; empty for the usual one.
        """
        rates = self.rates(tier, tokens.input)
        return None if rates is None else rates.sum(tokens)

    def rates(self, tier: str = "", context: int = 0) -> Rates | None:
        """Return the rates of some calls, None if they are not known.

        Args:
            tier: Their service tier.
            context: How many input tokens each of them has, or exceeds by less than one.
        """
        price = self if tier in _STANDARD else self.tiers.get(_TIERS.get(tier, tier))
        if price is None:
            return None
        is_long = price.long_above is not None and context > price.long_above
        return price.long if is_long else price

    def at_most(self, tokens: Tokens) -> float:
        """Return what a call costs at most; infinite if nobody knows."""
        rates = self.rates(context=tokens.input)
        if rates is None:
            return math.inf
        return (tokens.input * rates.highest_input + tokens.output * rates.output) / _MILLION


@dataclass(frozen=True)
class PricePeriod:
    """A price, from a moment on.

    Attributes:
        since: In seconds since 1970.
        price: None if it is not known from then on.
    """

    since: int
    price: Price | None


class Prices:
    """Prices by `provider/model`. One provider's price never stands in for another's.

    Args:
        table: The prices that are known; a model whose price has changed has several periods.
    """

    def __init__(self, table: Mapping[str, Price | Sequence[PricePeriod]] | None = None) -> None:
        self._table: dict[str, tuple[PricePeriod, ...]] = {}
        for name, entry in (table or {}).items():
            periods = (PricePeriod(0, entry),) if isinstance(entry, Price) else entry
            self._table[name] = tuple(sorted(periods, key=lambda period: period.since))

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._table))

    def of(self, provider: str, model: str, at: float = math.inf) -> Price | None:
        """Return the price of a provider's model, or None if it is not known.

        Args:
            provider: Who is asked.
            model: The model, in the provider's words.
            at: When, in seconds since 1970; by default the latest price.
        """
        periods = self._table.get(f"{provider}/{model}", ())
        number = bisect_right(periods, at, key=lambda period: period.since)
        return periods[number - 1].price if number else None

    def periods(self, name: str) -> tuple[PricePeriod, ...]:
        """Return the periods of a `provider/model`, oldest first; none if it is not known."""
        return self._table.get(name, ())

    @property
    def changes(self) -> list[int]:
        """The moments at which some price changes, in seconds since 1970."""
        every = (period.since for periods in self._table.values() for period in periods)
        return sorted({since for since in every if since > 0})

    def changes_of(self, names: Iterable[str]) -> list[int]:
        """The moments at which the price of one of some `provider/model` changes."""
        return Prices({name: self.periods(name) for name in names}).changes

    def over(self, other: Prices) -> Prices:
        """Return these prices, and of the other ones those that are missing here."""
        return Prices({**other._table, **self._table})

"""Sums of calls by quarter of an hour, made where the calls are read."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from agentos.usage.prices import CONTEXT_STEPS

QUARTER = 900  # seconds
_NO_STEP = CONTEXT_STEPS[1]


class Sum(NamedTuple):
    """Calls of one caller in one quarter of an hour; a row of the ledger's table.

    Attributes:
        quarter: Its start, in seconds since 1970.
        caller_id: The caller's number.
        context: The input exceeds so many tokens: one of `CONTEXT_STEPS`.
        priced: 1 if the source wrote down what the calls cost; `price` is the sum of that.
        unmetered: Calls whose tokens nobody knows.
        derived: Calls whose tokens are a difference.
    """

    quarter: int
    caller_id: int
    context: int
    priced: int
    calls: int
    unmetered: int
    derived: int
    input: int
    cached_input: int
    cache_write: int
    cache_write_hour: int
    output: int
    reasoning: int
    price: float


def sums(columns: Mapping[str, Sequence[Any]], alike: Mapping[str, Any]) -> list[Sum]:
    """Return the sums of calls, of those that follow each other and belong together.

    Args:
        columns: The calls, by the names of what `Entry` says of each; the caller as a number.
        alike: What all of them have alike, in place of a column.
    """
    size = len(columns["at"])

    def column(name: str) -> Sequence[Any]:
        return (alike[name],) * size if name in alike else columns[name]

    counted = [column(name) for name in ("metered", "confidence", *Sum._fields[7:])]
    quarters = [at // (QUARTER * 1000) * QUARTER for at in columns["at"]]
    priced = [price is not None for price in counted[-1]]
    keys = zip(quarters, columns["caller"], _contexts(columns["input"]), priced, strict=True)
    found = []
    begin = 0
    for (quarter, caller, context, price_known), group in groupby(keys):
        end = begin + sum(1 for _ in group)
        metered, confidence, *tokens, prices = (each[begin:end] for each in counted)
        size = end - begin
        keys_of = (quarter, caller, context, int(price_known))
        calls = (size, size - sum(metered), confidence.count("derived"))
        price = sum(prices) if price_known else 0.0
        found.append(Sum._make((*keys_of, *calls, *map(sum, tokens), price)))
        begin = end
    return found


def _contexts(inputs: Sequence[int]) -> Sequence[int]:
    if max(inputs) <= _NO_STEP:
        return (0,) * len(inputs)
    return [CONTEXT_STEPS[max(bisect_left(CONTEXT_STEPS, each), 1) - 1] for each in inputs]

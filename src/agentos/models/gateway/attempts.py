"""Asking providers until one answers: retries, then fallbacks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from agentos.models.routes import Target
from agentos.models.upstream import Upstream, UpstreamFailed, UpstreamRequest, UpstreamResponse

#: A provider that asks to wait longer than this, in seconds, is not waited for.
LONGEST_WAIT = 20.0
_FIRST_WAIT = 0.5
_WORTH_ANOTHER = frozenset((408, 409, 429, 500, 502, 503, 504, 529))


@dataclass(frozen=True)
class Attempt:
    """One place to ask.

    Args:
        target: The provider and the model.
        upstream: The provider.
        request: What to ask it.
        retries: How often to ask again.
    """

    target: Target
    upstream: Upstream
    request: UpstreamRequest
    retries: int


async def ask(
    attempts: Iterable[Attempt], on_attempt: Callable[[Target], None]
) -> UpstreamResponse:
    """Ask until there is an answer that is not worth another attempt.

    Args:
        attempts: The places to ask, best first.
        on_attempt: Told of each request that is made.

    Returns:
        The answer, or the last one if all refused.

    Raises:
        UpstreamFailed: The last one did not answer.
    """
    places = list(attempts)
    for place in places[:-1]:
        try:
            response = await _ask_one(place, on_attempt)
        except UpstreamFailed:
            continue
        if response.status not in _WORTH_ANOTHER:
            return response
        await response.close()
    return await _ask_one(places[-1], on_attempt)


async def _ask_one(place: Attempt, on_attempt: Callable[[Target], None]) -> UpstreamResponse:
    for number in range(place.retries):
        on_attempt(place.target)
        delay = _FIRST_WAIT * 2**number * random.uniform(0.75, 1.25)
        try:
            response = await place.upstream.send(place.request)
        except UpstreamFailed:
            await asyncio.sleep(delay)
            continue
        if response.status not in _WORTH_ANOTHER:
            return response
        told = retry_after(response.header("retry-after"))
        if told is not None and told > LONGEST_WAIT:
            return response
        await response.close()
        await asyncio.sleep(delay if told is None else told)
    on_attempt(place.target)
    return await place.upstream.send(place.request)


def retry_after(value: str | None) -> float | None:
    """Read a `Retry-After` header: seconds, or a date."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())

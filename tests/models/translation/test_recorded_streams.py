"""Streams of many providers, each with what the Responses API says instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.models.translation.events import written
from agentos.models.translation.stream import response_events, stream_payloads
from agentos.models.upstream import UpstreamFailed

from .conformance import Event, an_answer, check, parse, short

STREAMS = Path(__file__).parents[2] / "data" / "chat_streams"
# How long it takes is the machine's affair.
SLOW = [HealthCheck.too_slow]
NAMES = sorted(path.stem for path in STREAMS.glob("*.sse"))


async def cut(data: bytes, places: list[int]) -> AsyncIterator[bytes]:
    bounds = sorted({0, len(data), *places})
    for begin, end in pairwise(bounds):
        yield data[begin:end]


async def translated(body: AsyncIterator[bytes]) -> list[Event]:
    async with asyncio.timeout(30):
        told = [e async for es in response_events(an_answer(), stream_payloads(body)) for e in es]
    return parse(b"".join(map(written, told)))


@pytest.mark.parametrize("name", NAMES)
async def test_it_becomes_the_expected_events(name: str) -> None:
    events = await translated(cut((STREAMS / f"{name}.sse").read_bytes(), []))
    check(events)
    assert short(events) == (STREAMS / f"{name}.events").read_text().splitlines()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
@given(places=st.data())
def test_however_its_bytes_are_cut(name: str, places: st.DataObject) -> None:
    data = (STREAMS / f"{name}.sse").read_bytes()
    cuts = places.draw(st.lists(st.integers(0, len(data)), max_size=30))
    whole = asyncio.run(translated(cut(data, [])))
    assert asyncio.run(translated(cut(data, cuts))) == whole


@pytest.mark.parametrize("name", NAMES)
async def test_byte_by_byte(name: str) -> None:
    data = (STREAMS / f"{name}.sse").read_bytes()
    whole = await translated(cut(data, []))
    assert await translated(cut(data, list(range(len(data))))) == whole


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(name=st.sampled_from(NAMES), where=st.floats(0, 1), fails=st.booleans())
def test_wherever_it_breaks_off_there_is_an_end(name: str, where: float, fails: bool) -> None:
    data = (STREAMS / f"{name}.sse").read_bytes()

    async def broken() -> AsyncIterator[bytes]:
        yield data[: int(len(data) * where)]
        if fails:
            raise UpstreamFailed("local was silent for 300 s")

    check(asyncio.run(translated(broken())))


@settings(max_examples=100, deadline=None, suppress_health_check=SLOW)
@given(data=st.binary(max_size=200), name=st.sampled_from(NAMES), where=st.floats(0, 1))
def test_whatever_is_in_it_there_is_an_end(data: bytes, name: str, where: float) -> None:
    recorded = (STREAMS / f"{name}.sse").read_bytes()
    place = int(len(recorded) * where)
    spoilt = recorded[:place] + data + recorded[place:]
    events = asyncio.run(translated(cut(spoilt, [])))
    assert events[-1]["response"]["status"] != "in_progress"

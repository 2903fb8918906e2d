"""Calls on their way from one process to another, and into the ledger."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from agentos.store import Store
from agentos.store.tables import USAGE_CALLS, USAGE_QUARTERS
from agentos.usage.booking import book
from agentos.usage.reading.calls import Calls
from agentos.usage.reading.entry import Caller, Entry
from agentos.usage.reading.job import Piece, Place
from agentos.usage.reading.wire import packed, unpacked

AT = 1_767_818_727_822
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
CALLERS = st.builds(Caller, source=st.just("codex"), client=WORDS, session=WORDS, model=WORDS)
ENTRIES = st.builds(
    Entry,
    identity=WORDS,
    caller=CALLERS,
    at=st.integers(0, 1 << 42),
    line=st.integers(1, 9),
    offset=st.integers(0, 1 << 40),
    confidence=st.sampled_from(["exact", "derived"]),
    turn=WORDS,
    response_id=WORDS,
    metered=st.integers(0, 1),
    input=st.integers(0, 1 << 40),
    cache_write=st.integers(0, 2),
    price=st.none() | st.floats(0, 9),
)


@given(st.lists(ENTRIES, min_size=1, max_size=6))
def test_what_is_handed_on_is_what_was_found(entries: list[Entry]) -> None:
    piece = Piece("/srv/rollout.jsonl", Place(7, 1), entries=list(entries), read=7)
    piece.problem(3, "invalid_json", "it is no JSON")
    came = unpacked(packed(piece))
    assert [entry for calls in came.told for entry in calls.entries()] == entries
    assert (came.path, came.place, came.problems) == (piece.path, piece.place, piece.problems)


def entry(identity: str, **said: object) -> Entry:
    caller = Caller("codex", "codex", session="s", thread="t", provider="openai", model="m")
    return Entry(identity, caller, AT, 1, 0, response_id=identity, input=10, output=1)._replace(
        **said  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("known", ["a", "c"])
async def test_a_batch_that_mentions_a_known_call_counts_it_once(url: str, known: str) -> None:
    store = await Store.open(url)
    try:
        first = Calls.of([entry(known)])
        await store.write(lambda connection: book(connection, [(1, first)], set()))
        told = [
            entry("a"),
            entry("b", confidence="derived", response_id=""),
            entry("c", price=0.5),
        ]
        batch = Calls.of(told)
        new = await store.write(lambda connection: book(connection, [(1, batch)], set()))
        assert new == 2
        async with store.reading() as connection:
            call, quarter = USAGE_CALLS.c, USAGE_QUARTERS.c
            found = await connection.execute(
                select(call.identity, call.response_id, call.confidence).order_by(call.identity)
            )
            assert [tuple(row) for row in found] == [
                ("a", None, "exact"),
                ("b", "", "derived"),
                ("c", None, "exact"),
            ]
            sums = select(func.sum(quarter.calls), func.sum(quarter.input))
            [(calls, tokens)] = await connection.execute(sums)
            assert (int(calls), int(tokens)) == (3, 30)
    finally:
        await store.close()

"""Ledgers for tests: calls, and the sums that the ledger keeps of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from agentos.store import Store
from agentos.usage.booking import book
from agentos.usage.call import ModelCall, Provenance, Source
from agentos.usage.prices import Tokens
from agentos.usage.reading.calls import Calls
from agentos.usage.reading.entry import Caller, Entry
from agentos.usage.selection import milliseconds


def made(number: int, **said: Any) -> ModelCall:
    """Return a call of gpt-5.4 with 1,000 tokens in and 100 out, unless told otherwise."""
    call = ModelCall(
        identity=f"call-{number}",
        source=Source.CODEX,
        client="codex",
        provider="openai",
        model="gpt-5.4",
        tokens=Tokens(1000, output=100),
        at=datetime(2026, 5, 4, 12, tzinfo=UTC),
        provenance=Provenance("gateway", number),
        session="s1",
        project="/srv/site",
    )
    return replace(call, **said)


async def fill(store: Store, calls: Iterable[ModelCall]) -> None:
    """Put calls into a ledger as ingesting does."""
    entries = [_entry(call) for call in calls]
    told = [(0, Calls.of(entries))] if entries else []
    await store.write(lambda connection: book(connection, told, set()))


def _entry(call: ModelCall) -> Entry:
    tokens = asdict(call.tokens) if call.tokens else {}
    words = {name: str(getattr(call, name)) for name in Caller._fields}
    return Entry(
        identity=call.identity,
        caller=Caller(**words),
        at=milliseconds(call.at),
        line=call.provenance.line,
        offset=0,
        confidence=str(call.confidence),
        turn=call.turn,
        response_id=call.response_id,
        metered=int(call.tokens is not None),
        price=call.price,
        **tokens,
    )

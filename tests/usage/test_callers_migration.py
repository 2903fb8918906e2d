"""A ledger from before callers had a table of their own keeps all it knew."""

from __future__ import annotations

from typing import Any

from alembic import command
from sqlalchemy import Connection, make_url, text

from agentos.store import Store
from agentos.store.engine import make_engine
from agentos.store.upgrade import configuration
from agentos.usage.call import ModelCall
from agentos.usage.ledger import Ledger
from agentos.usage.prices import Tokens

WORDS = (
    *("source", "client", "session", "thread", "turn", "response_id", "provider", "model"),
    *("project", "profile", "agent", "kind", "tier", "confidence"),
)
COUNTS = ("input", "cached_input", "cache_write", "cache_write_hour", "output", "reasoning")
QUARTER = 1_793_000_700


def before(number: int, **said: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(WORDS, ""),
        **dict.fromkeys(COUNTS, 0),
        "source": "codex",
        "client": "codex",
        "session": "s",
        "model": "m",
        "identity": f"r{number}",
        "response_id": f"r{number}",
        "confidence": "exact",
        "at": QUARTER * 1000 + number,
        "metered": 1,
        "price": None,
        "source_id": 0,
        "line": number,
        "offset": 10 * number,
        "input": 100,
        "output": 5,
        **said,
    }


ROWS = [
    before(1),
    before(2, input=250_000),
    before(3, response_id="", confidence="derived", turn="t"),
    before(4, model="other", price=0.5, at=(QUARTER + 900) * 1000),
    before(5, metered=0, input=0, output=0, response_id="short"),
]


def fill(connection: Connection) -> None:
    command.upgrade(configuration(connection), "0006")
    names = ", ".join(f'"{name}"' for name in ROWS[0])
    marks = ", ".join(f":{name}" for name in ROWS[0])
    connection.execute(text(f"insert into usage_call ({names}) values ({marks})"), ROWS)


async def test_calls_and_sums_stay(url: str) -> None:
    engine = make_engine(make_url(url))
    async with engine.begin() as connection:
        await connection.run_sync(fill)
    await engine.dispose()
    store = await Store.open(url)
    try:
        ledger = Ledger(store)
        calls = [call for _, call in await ledger.calls()]
        totals = await ledger.totals(["model", "quarter", "context", "priced"])
    finally:
        await store.close()
    assert list(map(essence, calls)) == [essence_of(row) for row in ROWS]
    found = {total.key: (total.calls, total.tokens.input, total.price) for total in totals}
    assert found == {
        ("m", QUARTER, 0, 0): (3, 200, 0),
        ("m", QUARTER, 200_000, 0): (1, 250_000, 0),
        ("other", QUARTER + 900, 0, 1): (1, 100, 0.5),
    }
    assert sum(total.unmetered for total in totals) == 1
    assert sum(total.derived for total in totals) == 1


def essence(call: ModelCall) -> tuple[Any, ...]:
    words = call.identity, call.response_id, call.model, call.turn, str(call.confidence)
    return *words, call.tokens, call.price, call.provenance.line, call.provenance.offset


def essence_of(row: dict[str, Any]) -> tuple[Any, ...]:
    tokens = Tokens(row["input"], output=row["output"]) if row["metered"] else None
    words = [row[name] for name in ("identity", "response_id", "model", "turn", "confidence")]
    return *words, tokens, row["price"], row["line"], row["offset"]

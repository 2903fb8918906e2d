"""The ledger: every model call once, whoever told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Row, func, select

from agentos.store import Store
from agentos.store.tables import USAGE_CALLERS, USAGE_CALLS, USAGE_SOURCES
from agentos.usage.call import Confidence, ModelCall, Provenance, Source
from agentos.usage.conditions import ALL_CALLS, ALL_QUARTERS, column, selected
from agentos.usage.explain import Explanation, explain
from agentos.usage.homes import UsageHome
from agentos.usage.ingest import IngestReport, ingest
from agentos.usage.prices import Tokens
from agentos.usage.reading.entry import Caller
from agentos.usage.selection import Dimension, Selection, Total, moment, tokens_of

_SUMS = ("calls", "unmetered", "derived", *(field.name for field in fields(Tokens)), "price")


class Ledger:
    """Model calls of all clients, sessions and the gateway, each counted once.

    Args:
        store: Where it is kept; the caller closes it.

    Example:
        ```python
        from agentos.store import Store
        from agentos.usage.ledger import Ledger

        store = await Store.open("sqlite://")
        ledger = Ledger(store)
        report = await ledger.ingest([])
        print(report.calls, await ledger.totals(["model"]))
        await store.close()
        ```
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ingest(self, homes: Sequence[UsageHome] | None = None) -> IngestReport:
        """Read what is new in the clients' own records and in the gateway's.

        Args:
            homes: Where records lie; by default wherever this user's clients keep them, and
                where the sessions of machines left theirs.

        Returns:
            What was read, and each line that could not be counted.

        Raises:
            StoreError: The store refused; what was not written is read again the next time.
        """
        return await ingest(self._store, homes)

    async def totals(
        self, by: Sequence[Dimension] = (), selection: Selection | None = None
    ) -> list[Total]:
        """Sum calls up.

        Args:
            by: A sum for each combination of these; with none, one sum of all.
            selection: Which calls; by default all.
        """
        selection = selection or Selection()
        keys = [column(name) for name in by]
        sums = [func.coalesce(func.sum(column(name)), 0).label(name) for name in _SUMS]
        chosen = select(*keys, *sums).select_from(ALL_QUARTERS)
        query = chosen.where(selected(selection, ALL_QUARTERS))
        if keys:
            query = query.group_by(*keys).order_by(*keys)
        async with self._store.reading() as connection:
            return [_total(row, len(keys)) for row in await connection.execute(query)]

    async def calls(
        self, selection: Selection | None = None, *, after: int = 0, limit: int = 1000
    ) -> list[tuple[int, ModelCall]]:
        """Return calls one by one, as they came into the ledger.

        Args:
            selection: Which calls; by default all.
            after: The number of the last call of the page before.
            limit: How many at most.

        Returns:
            Each with its number, which is the next page's `after`.
        """
        selection = selection or Selection()
        words = [USAGE_CALLERS.c[name] for name in Caller._fields]
        every = ALL_CALLS.outerjoin(USAGE_SOURCES, USAGE_SOURCES.c.id == USAGE_CALLS.c.source_id)
        query = (
            select(USAGE_CALLS, *words, USAGE_SOURCES.c.path)
            .select_from(every)
            .where(selected(selection, ALL_CALLS), USAGE_CALLS.c.id > after)
            .order_by(USAGE_CALLS.c.id)
            .limit(limit)
        )
        async with self._store.reading() as connection:
            return [(int(row.id), _call(row)) for row in await connection.execute(query)]

    async def explain(self, selection: Selection | None = None) -> Explanation:
        """Tell which files and lines the sum of some calls comes from.

        Args:
            selection: Which calls; by default all.

        Returns:
            What each file contributes, and what there was not counted. `calls` has each line,
            and `agentos.usage.explain.line_at` its text.
        """
        async with self._store.reading() as connection:
            return await explain(connection, selection or Selection())


def _total(row: Row[Any], keys: int) -> Total:
    return Total(
        key=tuple(row[:keys]),
        calls=int(row.calls),
        unmetered=int(row.unmetered),
        derived=int(row.derived),
        tokens=tokens_of(row),
        price=float(row.price),
    )


def _call(row: Row[Any]) -> ModelCall:
    return ModelCall(
        identity=row.identity,
        source=Source(row.source),
        client=row.client,
        provider=row.provider,
        model=row.model,
        tokens=tokens_of(row) if row.metered else None,
        at=moment(row.at),
        provenance=Provenance(row.path or "gateway", row.line, row.offset),
        confidence=Confidence(row.confidence),
        session=row.session,
        thread=row.thread,
        turn=row.turn,
        response_id=row.identity if row.response_id is None else row.response_id,
        project=row.project,
        profile=row.profile,
        agent=row.agent,
        kind=row.kind,
        tier=row.tier,
        price=row.price,
    )

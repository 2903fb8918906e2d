"""Which programs asked something lately."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from agentos.hub.telemetry.event import OK
from agentos.store import Store
from agentos.store.tables import HUB_EVENTS

_MOST = 100


@dataclass(frozen=True)
class Active:
    """A program, under one token.

    Attributes:
        client: The program, such as `codex`; empty if it did not say.
        principal: The name of its token; empty for requests without a good one.
        last: When it asked last.
        events: How much it asked.
        errors: How much of that failed.
    """

    client: str
    principal: str
    last: datetime
    events: int
    errors: int


async def active_clients(store: Store, since: datetime) -> list[Active]:
    """Return the programs that asked since a moment, the latest first.

    Raises:
        StoreError: The store cannot be read.
    """
    event = HUB_EVENTS.c
    last, failed = func.max(event.at), func.sum(case((event.outcome != OK, 1), else_=0))
    query = (
        select(event.client, event.principal, last.label("last"), func.count(), failed)
        .where(event.at >= since)
        .group_by(event.client, event.principal)
        .order_by(last.desc())
        .limit(_MOST)
    )
    async with store.reading() as connection:
        rows = (await connection.execute(query)).all()
    return [Active(*row) for row in rows]

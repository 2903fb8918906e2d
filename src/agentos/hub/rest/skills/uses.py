"""How often skills were used, as agents reported it to the hub's command log."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from agentos.hub.telemetry.event import OK, Kind
from agentos.store import Store
from agentos.store.tables import HUB_EVENTS


@dataclass(frozen=True)
class Use:
    """A skill's use by one client, as far back as the log is kept.

    Attributes:
        skill, client: Which, and whose.
        count: How often.
        failed: How often of these it did not end well.
        last: When it was used last.
    """

    skill: str
    client: str
    count: int
    failed: int
    last: datetime


async def skill_uses(store: Store, names: Collection[str]) -> list[Use]:
    """Return the uses of some skills, by skill and client.

    Raises:
        StoreError: The store cannot be read.
    """
    if not names:
        return []
    event = HUB_EVENTS.c
    failed = func.sum(case((event.outcome != OK, 1), else_=0))
    query = (
        select(event.name, event.client, func.count(), failed, func.max(event.at))
        .where(event.kind == Kind.COMMAND.value, event.name.in_(names))
        .group_by(event.name, event.client)
        .order_by(event.name, event.client)
    )
    async with store.reading() as connection:
        rows = (await connection.execute(query)).all()
    return [Use(*row) for row in rows]

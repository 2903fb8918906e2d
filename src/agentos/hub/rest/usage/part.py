"""Usage as a part of the hub: its routes, and a ledger that is kept up to date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from agentos.errors import AgentOsError
from agentos.hub.background import background
from agentos.hub.hub import Hub
from agentos.hub.rest.usage import budgets, calls, sums
from agentos.hub.telemetry.event import HubEvent, Kind
from agentos.usage.ledger import Ledger

_logger = logging.getLogger(__name__)
#: Seconds between two readings of the clients' records.
READ_EVERY = 30.0


def add(app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[None]:
    """Add the routes, and keep the ledger up to date while the hub runs."""
    app.state.usage_hub = hub
    for each in (sums, calls, budgets):
        app.include_router(each.router)
    return _running(hub)


@asynccontextmanager
async def _running(hub: Hub) -> AsyncIterator[None]:
    async with background(_read_on(hub)):
        yield


async def _read_on(hub: Hub) -> None:
    while True:
        await asyncio.sleep(READ_EVERY)
        try:
            report = await Ledger(hub.store).ingest()
        except (AgentOsError, OSError) as error:
            _logger.warning("what is new of usage is read later: %s", error)
            continue
        if report.calls:
            _logger.info("%d model calls were booked", report.calls)
            # Whoever follows the log looks at the sums again.
            said = {"calls": report.calls}
            hub.telemetry.record(HubEvent(kind=Kind.USAGE, name="booked", arguments=said))

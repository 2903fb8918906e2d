"""Sessions and machines as a part of the hub: what it owns ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from agentos.hub.background import background
from agentos.hub.hub import Hub
from agentos.hub.machines import routes as machine_routes
from agentos.hub.machines import terminal_routes
from agentos.hub.machines.registry import MachineOwner
from agentos.hub.sessions import host, routes, transcript_routes, workspace_routes
from agentos.hub.sessions.models import SessionState
from agentos.hub.sessions.owner import SessionOwner


def add(app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[None]:
    """Add the routes, and own what they begin until the hub ends."""
    for part in (host, routes, transcript_routes, workspace_routes, machine_routes):
        app.include_router(part.router)
    app.include_router(terminal_routes.router)
    return _running(app, hub)


@asynccontextmanager
async def _running(app: FastAPI, hub: Hub) -> AsyncIterator[None]:
    def told(state: SessionState) -> None:
        hub.telemetry.announce("session", state.id, state.model_dump_json())

    sessions = SessionOwner(hub.store, told)
    machines = MachineOwner(lambda: sessions.machines)
    app.state.sessions, app.state.machines = sessions, machines
    app.state.hub_closing = hub.closing
    try:
        async with background(_end_with(hub.closing, sessions, machines), sessions.count_costs()):
            yield
    finally:
        await machines.end_all()
        await sessions.end_all()


async def _end_with(closing: asyncio.Event, sessions: SessionOwner, machines: MachineOwner) -> None:
    """Streams, sessions and machines end while the last requests are answered, not after them."""
    await closing.wait()
    await sessions.end_all()
    await machines.end_all()

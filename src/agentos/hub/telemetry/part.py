"""Telemetry as a part of the hub: every request is recorded, and the routes answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from starlette.types import Scope

from agentos.hub.background import background
from agentos.hub.hub import Hub
from agentos.hub.records import RequestRecord
from agentos.hub.telemetry import reports, routes
from agentos.hub.telemetry.clients import client_name
from agentos.hub.telemetry.event import OK, HubEvent, Kind
from agentos.hub.telemetry.exchange import Exchanges, current_exchange
from agentos.hub.telemetry.telemetry import Telemetry

#: What requests for no route of the hub are counted as: whoever asks could name anything.
NO_ROUTE = "(no route)"


def add(app: FastAPI, hub: Hub) -> AbstractAsyncContextManager[None]:
    """Record what the hub is asked, from its start to its end."""
    app.include_router(reports.router)
    app.include_router(routes.router)
    app.add_middleware(Exchanges)
    app.state.home = hub.home
    return _running(app, hub)


@asynccontextmanager
async def _running(app: FastAPI, hub: Hub) -> AsyncIterator[None]:
    async with (
        Telemetry(hub.store, hub.settings, projects=hub.projects) as telemetry,
        background(_end_streams(hub.closing, telemetry)),
    ):
        app.state.telemetry = hub.telemetry = telemetry
        hub.recorder = RequestRecorder(telemetry)
        yield


async def _end_streams(closing: asyncio.Event, telemetry: Telemetry) -> None:
    """A stream left open would hold up the server's end."""
    await closing.wait()
    telemetry.end_streams()


class RequestRecorder:
    """Make an event of each request that the guard let pass or refused."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def request(self, record: RequestRecord) -> None:
        """Record a request."""
        exchange = current_exchange()
        self._telemetry.record(
            HubEvent(
                kind=Kind.HTTP,
                name=_route(record),
                outcome=record.refusal or (f"http_{record.status}" if record.status >= 400 else OK),
                duration_ms=record.duration * 1000,
                client=client_name(record.client, record.principal or ""),
                principal=record.principal or "",
                bytes_in=exchange.bytes_in if exchange else 0,
                bytes_out=exchange.bytes_out if exchange else 0,
                at=record.at,
            )
        )


def _route(record: RequestRecord) -> str:
    """Name a request by the template of its route: of these there are few."""
    exchange = current_exchange()
    path = None if exchange is None else _template(exchange.scope)
    return NO_ROUTE if path is None else f"{record.method} {path}"


def _template(scope: Scope) -> str | None:
    if mounted := scope.get("root_path"):
        return f"{mounted}/*"
    if "route" in scope:
        return getattr(scope["route"], "path", None)
    # FastAPI does not tell of a plain route, but of what that leads to.
    return scope["path"] if "endpoint" in scope and not scope["path_params"] else None

"""The hub's state over REST, for its owner: the process, what it was asked, who asked."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel

from agentos.hub.auth.needs import needs
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope
from agentos.hub.tagged import tagged
from agentos.hub.telemetry.active import active_clients
from agentos.hub.telemetry.status import memory_bytes

Owner = Annotated[Principal, needs(Scope.ALL)]


class HubState(BaseModel):
    """How the hub is."""

    version: str
    python: str
    pid: int
    started: datetime
    memory_bytes: int
    home: str
    home_found: bool
    active_project: str | None
    requests: int
    errors: int
    log_waiting: int
    log_dropped: int
    log_readers: int


class ActiveClient(BaseModel):
    """A program that asked something lately."""

    client: str
    principal: str
    last: datetime
    events: int
    errors: int


class ClientList(BaseModel):
    """Programs, the latest first."""

    since: datetime
    clients: list[ActiveClient]


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    router = APIRouter(prefix="/api/v1/hub", tags=["hub"])

    @router.get("", response_model=HubState)
    async def hub_state(request: Request, owner: Owner) -> Response:
        """Tell how the hub is."""
        return tagged(request, _state(hub))

    @router.get("/clients", response_model=ClientList)
    async def clients(
        request: Request, owner: Owner, minutes: Annotated[int, Query(ge=1, le=10080)] = 60
    ) -> Response:
        """List the programs that asked something in the last minutes, at most 100."""
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        since = now - timedelta(minutes=minutes)
        found = [
            ActiveClient(
                client=one.client,
                principal=one.principal,
                last=one.last,
                events=one.events,
                errors=one.errors,
            )
            for one in await active_clients(hub.store, since)
        ]
        return tagged(request, ClientList(since=since, clients=found))

    app.include_router(router)


def _state(hub: Hub) -> HubState:
    telemetry = hub.telemetry
    counts = telemetry.counts()
    return HubState(
        version=hub.version,
        python=platform.python_version(),
        pid=os.getpid(),
        started=telemetry.started,
        memory_bytes=memory_bytes(),
        home=str(hub.home),
        home_found=hub.home.is_dir(),
        active_project=hub.projects.choice().project,
        requests=sum(total.count for key, total in counts.items() if key[0] == "http"),
        errors=sum(
            total.count for key, total in counts.items() if key[0] == "http" and key[2] != "ok"
        ),
        log_waiting=telemetry.waiting(),
        log_dropped=telemetry.dropped,
        log_readers=telemetry.readers,
    )

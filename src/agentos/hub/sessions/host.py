"""Where the hub's sessions are: a client that is elsewhere must not take them for its own."""

from __future__ import annotations

from fastapi import APIRouter, Request

from agentos.config import data_dir
from agentos.hub.sessions.models import SessionHost
from agentos.hub.sessions.owner import MOST_LIVE
from agentos.hub.sessions.place import store_mark
from agentos.hub.sessions.routes import Owner, Sessions

router = APIRouter(prefix="/api/v1/hub", tags=["sessions"])


@router.get("/sessions")
async def session_host(request: Request, principal: Owner, owned: Sessions) -> SessionHost:
    """Tell where the hub keeps sessions, and how many it holds."""
    states = [one.state().state for one in owned.live]
    return SessionHost(
        store=store_mark(),
        data=str(data_dir()),
        home=str(request.app.state.home),
        live=len(states),
        working=sum(state in ("starting", "running", "waiting") for state in states),
        most=MOST_LIVE,
    )

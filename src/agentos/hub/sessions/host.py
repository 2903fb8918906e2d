"""Where the hub's sessions are: a client that is elsewhere must not take them for its own."""

from __future__ import annotations

import hashlib

from fastapi import APIRouter
from pydantic import BaseModel

from agentos.config import data_dir
from agentos.hub.sessions.owner import MOST_LIVE
from agentos.hub.sessions.routes import Owner, Sessions
from agentos.store import default_url

router = APIRouter(prefix="/api/v1/hub", tags=["sessions"])


class SessionHost(BaseModel):
    """Where the hub keeps sessions, how many are live, and how many of these are at work."""

    store: str
    data: str
    live: int
    working: int
    most: int


@router.get("/sessions")
async def session_host(principal: Owner, owned: Sessions) -> SessionHost:
    """Tell where the hub keeps sessions, and how many it holds."""
    states = [one.state().state for one in owned.live]
    return SessionHost(
        store=store_mark(),
        data=str(data_dir()),
        live=len(states),
        working=sum(state in ("starting", "running", "waiting") for state in states),
        most=MOST_LIVE,
    )


def store_mark() -> str:
    """Name this process's store without what its address holds of secrets."""
    return hashlib.sha256(default_url().encode()).hexdigest()[:32]

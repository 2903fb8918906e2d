"""What a running hub is told over HTTP about itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel

from agentos.hub.auth.needs import needs
from agentos.hub.errors import Refused
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope


class Successor(BaseModel):
    """The process that took over."""

    pid: int


def add(app: FastAPI, hub: Hub) -> None:
    """Add the route by which `agentos restart` asks for it."""

    @app.post("/api/v1/hub/restart")
    async def restart(principal: Annotated[Principal, needs(Scope.ALL)]) -> Successor:
        """Start a new process that takes over, and end this one when its requests are over."""
        if hub.hand_over is None or hub.draining:
            raise Refused(409, "not_restartable", "the hub cannot hand over now")
        return Successor(pid=await hub.hand_over())

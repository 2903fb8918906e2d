"""`/healthz`: that the hub answers, and nothing else about it."""

from __future__ import annotations

from fastapi import FastAPI
from pydantic import BaseModel

from agentos.hub.hub import Hub


class Health(BaseModel):
    """That the hub answers."""

    status: str = "ok"


def add(app: FastAPI, hub: Hub) -> None:
    """Add the route, the only one that needs no token."""

    @app.get("/healthz", openapi_extra={"security": []})
    async def healthz() -> Health:
        """Say that the hub answers."""
        return Health()

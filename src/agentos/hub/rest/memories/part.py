"""Memories as a part of the hub."""

from __future__ import annotations

from fastapi import FastAPI

from agentos.hub.hub import Hub
from agentos.hub.rest.memories import inbox, reading


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes; those of the inbox first, which is no memory's key."""
    app.include_router(inbox.router(hub))
    app.include_router(reading.router(hub))

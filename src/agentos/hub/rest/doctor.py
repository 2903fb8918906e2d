"""The examination of this host over REST."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

from agentos.hub.auth.needs import needs
from agentos.hub.hub import Hub
from agentos.hub.scopes import Principal, Scope

#: Seconds for which an examination holds: it starts machines, and little changes meanwhile.
HOLDS = 30.0


class HostFinding(BaseModel):
    """What was found of one capability."""

    name: str
    ok: bool
    detail: str
    remedy: str | None
    required: bool


class Examination(BaseModel):
    """What works on this host; nothing was examined yet if there is no time."""

    at: datetime | None = None
    findings: list[HostFinding] = []


class _Doctor:
    """Examines the host for one who asks at a time, and remembers what was found."""

    def __init__(self) -> None:
        self.last = Examination()
        self._good_until = 0.0
        self._examining = asyncio.Lock()

    async def examine(self) -> Examination:
        from agentos.doctor.findings import examine

        async with self._examining:
            if time.monotonic() >= self._good_until:
                found = [
                    HostFinding(
                        name=one.name,
                        ok=one.ok,
                        detail=one.detail,
                        remedy=one.remedy,
                        required=one.required,
                    )
                    async for one in examine()
                ]
                self.last = Examination(at=datetime.now(UTC), findings=found)
                self._good_until = time.monotonic() + HOLDS
            return self.last


def add(app: FastAPI, hub: Hub) -> None:
    """Add the routes."""
    router = APIRouter(prefix="/api/v1/doctor", tags=["doctor"])
    doctor = _Doctor()

    @router.get("")
    async def last_examination(owner: Annotated[Principal, needs(Scope.ALL)]) -> Examination:
        """Tell what was found last."""
        return doctor.last

    @router.post("")
    async def examine_host(owner: Annotated[Principal, needs(Scope.ALL)]) -> Examination:
        """Try each capability of this host, which takes some seconds."""
        return await doctor.examine()

    app.include_router(router)

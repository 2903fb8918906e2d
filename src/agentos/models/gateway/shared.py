"""The gateway of sessions that bring none: one an event loop, while there are such sessions."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentos.models.gateway.gateway import ModelGateway
from agentos.models.settings import ModelSettings


@dataclass
class _Shared:
    settings: ModelSettings
    gateway: ModelGateway
    sessions: int = 0


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Shared]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def shared_gateway(settings: ModelSettings) -> AsyncIterator[ModelGateway]:
    """Use the gateway of this event loop for these settings; the last user closes it."""
    here = _shared.setdefault(asyncio.get_running_loop(), [])
    used = next((shared for shared in here if shared.settings == settings), None)
    if used is None:
        used = _Shared(settings, ModelGateway.of(settings))
        here.append(used)
    used.sessions += 1
    try:
        yield used.gateway
    finally:
        used.sessions -= 1
        if used.sessions == 0:
            here.remove(used)
            await used.gateway.close()

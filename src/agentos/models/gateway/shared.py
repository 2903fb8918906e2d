"""The gateway of sessions that bring none: one an event loop, while there are such sessions."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from agentos.models.gateway.gateway import ModelGateway
from agentos.models.settings import ModelSettings


@dataclass
class _Shared:
    settings: ModelSettings
    sessions: int = 0
    gateway: ModelGateway | None = None
    opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    resources: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def entered(self) -> ModelGateway:
        async with self.opening:
            if self.gateway is None:
                from agentos.store import Store

                store = await Store.open()
                self.resources.push_async_callback(store.close)
                gateway = ModelGateway.of(self.settings, store=store)
                self.gateway = await self.resources.enter_async_context(gateway)
            return self.gateway


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Shared]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def shared_gateway(settings: ModelSettings) -> AsyncIterator[ModelGateway]:
    """Use the gateway of this event loop for these settings; the last user closes it."""
    here = _shared.setdefault(asyncio.get_running_loop(), [])
    used = next((shared for shared in here if shared.settings == settings), None)
    if used is None:
        used = _Shared(settings)
        here.append(used)
    used.sessions += 1
    try:
        yield await used.entered()
    finally:
        used.sessions -= 1
        if used.sessions == 0:
            here.remove(used)
            await used.resources.aclose()

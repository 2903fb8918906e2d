"""Work for a request that nobody needs once its client has gone away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from agentos.hub.errors import Refused

Answer = TypeVar("Answer")
#: What servers note of a request that its client gave up.
CLIENT_GONE = 499


async def unless_gone(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Do something for a client, but not to the end if that goes away.

    Raises:
        Refused: It did; nobody hears of it.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise Refused(CLIENT_GONE, "client_gone", "the client went away before the answer")
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.wait({working, leaving})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass

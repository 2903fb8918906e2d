"""Carry an answer to the client, piece by piece, for as long as the client is there."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.types import Receive, Send

from agentos.models.gateway.call import Call
from agentos.models.upstream import UpstreamFailed, UpstreamResponse
from agentos.models.usage_reader import UsageReader

T = TypeVar("T")
_NOT_RETURNED = frozenset(("set-cookie", "connection", "upgrade", "alt-svc"))


async def relay(call: Call, response: UpstreamResponse, send: Send) -> bool:
    """Carry an answer as it comes, and let the call hear it.

    Returns:
        Whether it came to its end, which is still to be sent; if not, the provider broke off.
    """
    call.reader = _reader(response)
    call.status = response.status
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in response.headers
        if name not in _NOT_RETURNED
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    try:
        async for chunk in response.body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            call.hear(chunk)
    except UpstreamFailed as failed:
        # Without an end of its own, the answer is cut off for the agent too.
        call.error = failed.reason
        return False
    return True


async def unless_gone(receive: Receive, work: Coroutine[object, object, T]) -> T | None:
    """Do work until it is done or the client has gone away; then its result is None."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        done = working.done()
        for task in (working, watching):
            task.cancel()
        await asyncio.wait((working, watching))
    if not done and (working.cancelled() or working.exception()):
        return None  # nobody is there to be told
    return working.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _reader(response: UpstreamResponse) -> UsageReader:
    kind, encoding = response.header("content-type"), response.header("content-encoding")
    try:
        return UsageReader(kind or "", encoding)
    except LookupError:
        return UsageReader("application/octet-stream")  # it passes, but cannot be read

"""The events of a Responses answer while a Chat answer comes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from agentos.models.translation.answer import LONGEST_ANSWER, Answer
from agentos.models.translation.chunk import read_chunk
from agentos.models.translation.events import EventReader, EventTooLong
from agentos.models.translation.tools import Json
from agentos.models.upstream import UpstreamFailed

#: How long what a finished answer used is waited for, in seconds.
USAGE_WAIT = 10.0
#: How long the end of the body is waited for: a connection that is read to its end can be kept.
END_WAIT = 1.0
_DONE = b"[DONE]"


async def response_events(
    response: Answer, payloads: AsyncGenerator[bytes, None]
) -> AsyncGenerator[list[Json], None]:
    """Give the events of each payload as it comes, and always an end."""
    yield list(response.begin())
    now = asyncio.get_running_loop().time
    broken, done, until = "the provider broke off its answer", False, None
    try:
        async with aclosing(payloads):
            while not response.over:
                async with asyncio.timeout_at(until):
                    data = await anext(payloads, None)
                if data is None:
                    break
                if data == _DONE:
                    done, until = True, now() + END_WAIT
                elif events := list(response.add(read_chunk(data))):
                    yield events
                if until is None and response.finished:
                    until = now() + USAGE_WAIT
    except TimeoutError:
        pass  # the answer is there; some never close what they have finished
    except (UpstreamFailed, EventTooLong) as error:
        broken = str(error)
    if not response.over:
        yield list(response.end() if done or response.finished else response.fail(broken))


async def stream_payloads(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Give what each event of a stream carries."""
    reader = EventReader()
    async for chunk in body:
        for data in reader.feed(chunk):
            yield data.strip()
    for data in reader.end():
        if data.rstrip().endswith((b"}", _DONE)):  # else it broke off in the middle of an event
            yield data.strip()


async def whole_payloads(body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Give an answer in one piece, and its end."""
    yield await read_whole(body)
    yield _DONE


async def read_whole(body: AsyncIterator[bytes]) -> bytes:
    """Read a body.

    Raises:
        UpstreamFailed: It is longer than `LONGEST_ANSWER`, or breaks off.
    """
    data = bytearray()
    async for chunk in body:
        data += chunk
        if len(data) > LONGEST_ANSWER:
            raise UpstreamFailed(f"the answer is longer than {LONGEST_ANSWER >> 20} MiB")
    return bytes(data)

"""One session's place in the store."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts.search import stored_text
from agentos.sessions.transcripts.transcripts import Transcripts
from agentos.store import Store, default_url


@dataclass
class _Shared:
    """A store that several users of one event loop have open."""

    users: int = 0
    opening: asyncio.Task[Store] | None = None


_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def open_transcripts(url: str | None = None) -> AsyncIterator[Transcripts]:
    """Open the transcripts of a store; who opens them at the same time shares it."""
    url = url or default_url()
    place = _shared.setdefault(asyncio.get_running_loop(), {}).setdefault(url, _Shared())
    place.users += 1
    try:
        if place.opening is None:
            place.opening = asyncio.create_task(Store.open(url))
        yield Transcripts(await asyncio.shield(place.opening))
    finally:
        place.users -= 1
        opening = place.opening
        if opening is not None and (not place.users or (opening.done() and opening.exception())):
            place.opening = None
            await _close(opening)


async def _close(opening: asyncio.Task[Store]) -> None:
    await asyncio.wait({opening})
    if not opening.cancelled() and opening.exception() is None:
        await opening.result().close()


class StoredSession:
    """Keeps the events of one session that this process owns.

    Args:
        session_id: The session.
        epoch: Its owner's, from `create` or `claim`.
        url: The store.
    """

    def __init__(self, session_id: str, epoch: int, url: str) -> None:
        self._id = session_id
        self._epoch = epoch
        self._url = url

    async def store(self, events: Sequence[SessionEvent]) -> None:
        """Store events, all or none; see `Keeper`."""
        async with open_transcripts(self._url) as transcripts:
            await transcripts.append(self._id, self._epoch, events)
            for event in events:
                if event.type == "session_info_update" and (title := event.data.get("title")):
                    await transcripts.change(self._id, self._epoch, title=stored_text(title))

    async def compact(self) -> None:
        """Put texts together; see `Keeper`."""
        async with open_transcripts(self._url) as transcripts:
            await transcripts.compact(self._id, self._epoch)

    async def read(self, after: int) -> AsyncIterator[SessionEvent]:
        """Yield stored events; see `Keeper`."""
        async with open_transcripts(self._url) as transcripts:
            async for event in transcripts.read(self._id, after):
                yield event

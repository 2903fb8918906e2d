"""A session's events as server-sent ones: what was, then what comes, without a hole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from agentos.errors import StoreError
from agentos.hub.sessions.feed import Feed, worded
from agentos.hub.sessions.models import SessionState, State
from agentos.hub.sessions.owner import SessionOwner
from agentos.hub.waiting import set_within

#: Seconds of silence after which a reader is told that the stream lives.
HEARTBEAT = 15.0
#: The same of a session that another process drives, such as `agentos run --alone`.
LOOK_ELSEWHERE = 1.0
#: Events that are read from the store at once.
PAGE = 500
#: Seconds that a reader waits for more at least, and for each other reader beside it.
PAUSE, PAUSE_PER_READER = 0.01, 0.002


async def stream(owner: SessionOwner, id: str, after: int) -> AsyncIterator[str]:
    """Yield a session's events after one, and its state whenever that changes.

    It goes on when the session is resumed, and ends with the hub.
    """
    reader = _Reader(owner, id, after)
    try:
        while not owner.closing:
            news = reader.news()
            if said := await reader.read():
                yield said
            elif not await set_within(news, reader.patience):
                yield ": still here\n\n"
            else:
                await asyncio.sleep(reader.pause)
    except StoreError as error:
        yield f": {' '.join(str(error).split())}\n\n"  # the reader comes back with its place
    finally:
        reader.leave()


class _Reader:
    """Somebody's place in a session."""

    def __init__(self, owner: SessionOwner, id: str, after: int) -> None:
        self._owner = owner
        self._id = id
        self._place = after
        self._told: object = None
        self._elsewhere = False
        self._feed: Feed | None = None

    @property
    def patience(self) -> float:
        """Seconds of silence after which it looks again: another process tells nothing."""
        return LOOK_ELSEWHERE if self._elsewhere else HEARTBEAT

    @property
    def pause(self) -> float:
        """Seconds in which more may come, so that many readers make few wakings."""
        return PAUSE + PAUSE_PER_READER * (self._feed.followers if self._feed else 0)

    def news(self) -> asyncio.Event:
        """Return what is set when there is something to read."""
        live = self._owner.find(self._id)
        self._follow(live.feed if live else None)
        return self._feed.news if self._feed else self._owner.news

    def leave(self) -> None:
        """Follow no more."""
        self._follow(None)

    async def read(self) -> str:
        """Return what is new: events, else the state, else nothing."""
        if self._feed is None or self._place < self._feed.before:
            if said := await self._stored():
                return said
        elif self._place < self._feed.newest:
            said = self._feed.after(self._place)
            self._place = self._feed.newest
            return said
        return await self._state()

    async def _stored(self) -> str:
        transcripts = self._owner.transcripts
        events = [event async for event in transcripts.read(self._id, self._place, PAGE)]
        if events:
            self._place = events[-1].seq
        return "".join(map(worded, events))

    async def _state(self) -> str:
        live = self._owner.find(self._id)
        if live is not None:
            self._elsewhere = False
            if (live, live.version) == self._told:
                return ""
            self._told = live, live.version
            return worded_state(live.state())
        state = await self._owner.state(self._id)
        self._elsewhere = state.state in (State.RUNNING, State.IDLE)
        if state == self._told:
            return ""
        self._told = state
        return worded_state(state)

    def _follow(self, feed: Feed | None) -> None:
        if self._feed is feed:
            return
        if self._feed is not None:
            self._feed.followers -= 1
        if feed is not None:
            feed.followers += 1
        self._feed = feed


def worded_state(state: SessionState) -> str:
    """Word a state as a server-sent event; it has no place in the transcript."""
    return f"event: state\ndata: {state.model_dump_json()}\n\n"

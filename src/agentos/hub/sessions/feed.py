"""The end of a live session's transcript, worded once for all who follow it.

A follower is no more than a place in the transcript. One that is slower than what is held here
reads the store instead, so it neither holds memory nor slows the session.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_right
from dataclasses import asdict

from agentos.sessions.events import SessionEvent

#: Characters of events that are held for followers.
MOST_HELD = 4_000_000
#: And how many events.
MOST_EVENTS = 2000


class Feed:
    """The newest events of a session.

    Args:
        before: The number of the last event that was there already.

    Attributes:
        before: The number of the event before the first one that is held.
        newest: The number of the last event.
        followers: How many follow now.
    """

    def __init__(self, before: int) -> None:
        self.before = before
        self.newest = before
        self.followers = 0
        self._numbers: list[int] = []
        self._words: list[str] = []
        self._held = 0
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """Set with the next thing that happens."""
        return self._news

    def add(self, event: SessionEvent) -> None:
        """Take the next event."""
        words = worded(event)
        self._numbers.append(event.seq)
        self._words.append(words)
        self._held += len(words)
        self.newest = event.seq
        if self._held > MOST_HELD or len(self._numbers) > 2 * MOST_EVENTS:
            self._forget()
        self.wake()

    def after(self, place: int) -> str:
        """Return the events after a place that is not before what is held."""
        return "".join(self._words[bisect_right(self._numbers, place) :])

    def wake(self) -> None:
        """Let followers look."""
        self._news.set()
        self._news = asyncio.Event()

    def _forget(self) -> None:
        """Let go of the older half, so that this happens rarely."""
        count = len(self._numbers) // 2
        if count:
            self.before = self._numbers[count - 1]
            self._held -= sum(map(len, self._words[:count]))
            del self._numbers[:count], self._words[:count]


def worded(event: SessionEvent) -> str:
    """Word an event as a server-sent one."""
    data = json.dumps(asdict(event), ensure_ascii=False, separators=(",", ":"), default=str)
    return f"id: {event.seq}\nevent: event\ndata: {data}\n\n"

"""A hub that a test plays, as programs that watch sessions see it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from agentos.cli.top.picture import Budget, Costs, LogLine, Reach, Session
from agentos.cli.top.source import Source, SourceLost
from agentos.errors import AgentOsError
from agentos.sessions.events import SessionEvent


class PlayedHub:
    """A `Source` whose sessions do what the test says.

    Attributes:
        done: What was asked of it: a verb, and what it was given.
        refusal: What prompts, cancellations and answers fail with, if anything.

    Example:
        ```python
        hub = PlayedHub()
        hub.put(Session("a", "codex", state="running", live=True))
        hub.say("a", "agent_message_chunk", {"content": {"text": "hello"}})
        TopApp(hub.connect)
        ```
    """

    reach = Reach.HUB
    place = "http://127.0.0.1:3000"

    def __init__(self) -> None:
        self.done: list[tuple[str, ...]] = []
        self.refusal: AgentOsError | None = None
        self.spent = Costs()
        self.limits: tuple[Budget, ...] = ()
        self._sessions: dict[str, Session] = {}
        self._events: dict[str, list[SessionEvent]] = defaultdict(list)
        self._log: list[LogLine] = []
        self._changed: list[Session] = []
        self._there = True
        self._news = asyncio.Event()

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Source]:
        """Be found, unless it went away."""
        self._require()
        yield self

    def put(self, session: Session) -> None:
        """Have a session, as it is now, and say so."""
        self._sessions[session.id] = session
        self._changed.append(session)
        self._wake()

    def change(self, id: str, **parts: Any) -> None:
        """Change a session, and say so."""
        self.put(replace(self._sessions[id], **parts))

    def note(self, kind: str, name: str, **parts: Any) -> None:
        """Write into the log."""
        line = LogLine(len(self._log) + 1, "2026-11-21T12:00:00+00:00", kind, name, "", "", "ok", 1)
        self._log.append(replace(line, **parts))
        self._wake()

    def say(self, session: str, type: str, data: Mapping[str, Any]) -> None:
        """Have something happen in a session."""
        events = self._events[session]
        events.append(SessionEvent(len(events) + 1, session, 0.0, type, data))
        self._wake()

    def go(self) -> None:
        """Be gone: every stream ends, every question fails."""
        self._there = False
        self._wake()

    def come_back(self) -> None:
        """Be there again, with everything that was there."""
        self._there = True

    async def sessions(self) -> tuple[Session, ...]:
        """List the sessions."""
        self._require()
        return tuple(self._sessions.values())

    async def costs(self) -> Costs:
        """Tell what the test says was spent."""
        self._require()
        return self.spent

    async def budgets(self) -> tuple[Budget, ...]:
        """Tell of the test's budgets."""
        self._require()
        return self.limits

    async def log(self, limit: int) -> tuple[LogLine, ...]:
        """Return the end of the log."""
        self._require()
        return tuple(self._log[-limit:])

    async def news(self, after: int) -> AsyncGenerator[LogLine | Session | None]:
        """Yield what comes into the log, and sessions that change."""
        yield None
        seen = len(self._changed)
        while True:
            news = self._news
            self._require()
            for line in self._log[after:]:
                after = line.id
                yield line
            for session in self._changed[seen:]:
                seen += 1
                yield session
            await news.wait()

    async def transcript(self, session: str, after: int) -> AsyncGenerator[SessionEvent]:
        """Yield what happens in a session."""
        while True:
            news = self._news
            self._require()
            for event in self._events[session][after:]:
                after = event.seq
                yield event
            await news.wait()

    async def prompt(self, session: str, text: str) -> None:
        """Note a prompt."""
        self._do("prompt", session, text)

    async def cancel(self, session: str) -> None:
        """Note a cancellation."""
        self._do("cancel", session)

    async def answer(self, session: str, permission: str, choice: str) -> None:
        """Note an answer; its question is gone then."""
        self._do("answer", session, permission, choice)
        left = [each for each in self._sessions[session].permissions if each.id != permission]
        self.change(session, permissions=tuple(left), state="waiting" if left else "running")

    def _do(self, *what: str) -> None:
        self._require()
        if self.refusal is not None:
            raise self.refusal
        self.done.append(what)

    def _require(self) -> None:
        if not self._there:
            raise SourceLost(f"the hub at {self.place} does not answer", retryable=True)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

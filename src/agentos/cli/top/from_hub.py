"""A picture from a running hub."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from agentos.cli.top.picture import Budget, Costs, LogLine, Reach, Session
from agentos.cli.top.reading import budget_of, costs_of, line_of, session_of
from agentos.cli.top.source import SourceLost
from agentos.errors import AgentOsError
from agentos.hub.client import HubClient
from agentos.hub.lifecycle.running import Running
from agentos.hub.sessions.models import SessionState
from agentos.sessions.events import SessionEvent
from agentos.usage.calendar import zone

#: What the hub calls this program in its log, where nobody wants to see that somebody looks.
PROGRAM = "top"
_MOST_SESSIONS = 100
_PAGE = 1000
#: How many pages are read to find lines of others.
_MOST_PAGES = 5


class HubSource:
    """Asks a hub.

    Args:
        hub: It, as its user.
    """

    reach = Reach.HUB

    def __init__(self, hub: HubClient) -> None:
        self.place = hub.running.url
        self._hub = hub

    async def sessions(self) -> tuple[Session, ...]:
        """List the live sessions and the latest others."""
        with _lost_if_silent():
            found = await self._hub.sessions(limit=_MOST_SESSIONS)
        return tuple(session_of(each) for each in found.sessions)

    async def costs(self) -> Costs:
        """Tell what was used today."""
        rows: list[Mapping[str, Any]] = []
        wanted: dict[str, Any] = {"period": "today", "by": ["hour", "model"], "limit": _PAGE}
        while True:
            said = await self._get("/usage", wanted)
            rows += said["rows"]
            if said["next"] is None:
                break
            wanted["after"] = said["next"]
        named = said["time_zone"]
        now = datetime.now(UTC).astimezone(zone(None if named == "local" else named))
        return costs_of(said["total"], rows, said["currency"], now)

    async def budgets(self) -> tuple[Budget, ...]:
        """Tell how far the budgets are used up."""
        return tuple(budget_of(each) for each in (await self._get("/usage/budgets"))["budgets"])

    async def log(self, limit: int) -> tuple[LogLine, ...]:
        """Return the end of the log, oldest first."""
        found: list[Mapping[str, Any]] = []
        wanted: dict[str, Any] = {"limit": _PAGE}
        for _ in range(_MOST_PAGES):
            said = await self._get("/log", wanted)
            found += (each for each in said["events"] if each["client"] != PROGRAM)
            wanted["after"] = said["next"]
            if len(found) >= limit or said["next"] is None:
                break
        return tuple(line_of(each) for each in reversed(found[:limit]))

    async def news(self, after: int) -> AsyncGenerator[LogLine | Session | None]:
        """Yield what comes into the log after an event, and sessions that change."""
        with _lost_if_silent():
            async with aclosing(self._hub.news(after)) as found:
                async for said in found:
                    if said is None:
                        yield None
                    elif isinstance(said, SessionState):
                        yield session_of(said)
                    elif said["client"] != PROGRAM:
                        yield line_of(said)

    async def transcript(self, session: str, after: int) -> AsyncGenerator[SessionEvent]:
        """Yield the events of a session after a number, those that were and those that come."""
        with _lost_if_silent():
            async with aclosing(self._hub.follow(session, after)) as found:
                async for said in found:
                    if isinstance(said, SessionEvent):
                        yield said

    async def prompt(self, session: str, text: str) -> None:
        """Tell a session something; it waits for its turn."""
        with _lost_if_silent():
            await self._hub.prompt(session, text)

    async def cancel(self, session: str) -> None:
        """Cancel the turn of a session."""
        with _lost_if_silent():
            await self._hub.cancel(session)

    async def answer(self, session: str, permission: str, choice: str) -> None:
        """Answer a permission."""
        with _lost_if_silent():
            await self._hub.answer(session, permission, choice)

    async def _get(self, path: str, wanted: Mapping[str, Any] | None = None) -> Any:
        query = f"?{urlencode(wanted, doseq=True)}" if wanted else ""
        with _lost_if_silent():
            return await self._hub.ask("GET", f"/api/v1{path}{query}")


@contextmanager
def _lost_if_silent() -> Iterator[None]:
    try:
        yield
    except AgentOsError as error:
        if error.code != "hub_silent":
            raise
        raise SourceLost(error.message, retryable=True) from error


@asynccontextmanager
async def open_hub(running: Running, state: Path) -> AsyncIterator[HubSource]:
    """Be connected to a hub as its user.

    Args:
        running: The hub.
        state: The state directory, with the token.
    """
    async with HubClient(running, state, program=PROGRAM, attempts=0) as hub:
        yield HubSource(hub)

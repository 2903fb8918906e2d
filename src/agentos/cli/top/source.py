"""Where a picture comes from, and where its keys go to."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Protocol

from agentos.cli.top.picture import Budget, Costs, LogLine, Reach, Session
from agentos.errors import AgentOsError
from agentos.sessions.events import SessionEvent


class SourceLost(AgentOsError):
    """A source does not answer any more; another one may."""

    default_code: ClassVar[str] = "hub_lost"


class Source(Protocol):
    """A hub, or what stands for it.

    Each of its verbs raises `SourceLost` when it is not there any more, and another `AgentOsError`
    when it refuses.
    """

    @property
    def reach(self) -> Reach:
        """What it is."""

    @property
    def place(self) -> str:
        """Where it is."""

    async def sessions(self) -> tuple[Session, ...]:
        """List the live sessions and the latest others."""

    async def costs(self) -> Costs:
        """Tell what was used today."""

    async def budgets(self) -> tuple[Budget, ...]:
        """Tell how far the budgets are used up."""

    async def log(self, limit: int) -> tuple[LogLine, ...]:
        """Return the end of the log, oldest first."""

    def news(self, after: int) -> AsyncGenerator[LogLine | Session | None]:
        """Yield what comes into the log after an event, and sessions that change.

        None means that sessions may have changed unseen. It ends when there is a better source.
        """

    def transcript(self, session: str, after: int) -> AsyncGenerator[SessionEvent]:
        """Yield the events of a session after a number, those that were and those that come."""

    async def prompt(self, session: str, text: str) -> None:
        """Tell a session something; it waits for its turn."""

    async def cancel(self, session: str) -> None:
        """Cancel the turn of a session."""

    async def answer(self, session: str, permission: str, choice: str) -> None:
        """Answer a permission."""


#: Finds the source that there is now, and has it open.
Connect = Callable[[], AbstractAsyncContextManager[Source]]

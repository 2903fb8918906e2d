"""A session that the hub holds: how it is, and everybody who looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from agentos.errors import AgentOsError
from agentos.hub.background import background
from agentos.hub.errors import Refused
from agentos.hub.holding import Holding
from agentos.hub.machines.owned import OwnedMachine
from agentos.hub.sessions.feed import Feed
from agentos.hub.sessions.models import Cost, NewSession, Problem, SessionState, State
from agentos.hub.sessions.opening import Opened
from agentos.hub.sessions.progress import Progress
from agentos.sessions import Session

#: Seconds between two tellings of what changes all the time.
PACE = 0.5
#: Prompts that may wait.
MOST_QUEUED = 100


class LiveSession:
    """A session that the hub holds.

    Args:
        id: Its id; that of a fork comes with it.
        wanted: What it was asked to be.
        progress: How far it was before.
        changed: Told whenever its state changes.
        spent: Called when it has used models.

    Attributes:
        feed: The end of its transcript.
        version: How often its state changed.
        cost: What it cost so far.
    """

    def __init__(
        self,
        id: str,
        wanted: NewSession,
        progress: Progress,
        changed: Callable[[LiveSession], None],
        spent: Callable[[], None],
    ) -> None:
        self.id = id
        self.wanted = wanted
        self.created_at = datetime.now(UTC)
        self.feed = Feed(progress.last_seq)
        self.version = 0
        self.cost: Cost | None = None
        self._progress = progress
        self._tell = changed
        self._on_spent = spent
        self._told: object = None
        self._failure: Problem | None = None
        self._ending = False
        self._opened: Opened | None = None
        self._holding: Holding[Opened] | None = None
        self._stale = asyncio.Event()

    async def begin(self, context: AbstractAsyncContextManager[Opened]) -> None:
        """Begin the session; an error leaves nothing of it.

        Raises:
            AgentOsError: It could not begin.
        """
        self._holding = Holding(self._watched(context), f"session {self.id}")
        try:
            await self._holding.entered()
        except BaseException:
            await self._holding.end()
            raise
        self.publish()

    async def end(self) -> BaseException | None:
        """End the session with its machine.

        Returns:
            The error with which that ended, if there was one.
        """
        self._ending = True
        if self._holding is None:
            return None
        return await self._holding.end()

    @property
    def opened(self) -> Opened:
        """The session and its machine.

        Raises:
            Refused: It has not begun yet, or has ended.
        """
        if self._opened is None:
            raise Refused(409, "session_starting", f"session {self.id} is still starting")
        if self._ending:
            raise Refused(409, "session_ending", f"session {self.id} is ending")
        return self._opened

    @property
    def machine(self) -> OwnedMachine | None:
        """Its machine, once it has one."""
        return self._opened.machine if self._opened else None

    @property
    def failed(self) -> bool:
        """Whether its agent has ended for good."""
        return self._failure is not None

    @property
    def session(self) -> Session:
        """The session itself."""
        return self.opened.session

    def prompt(self, text: str, key: str | None = None) -> int:
        """Send a prompt and return the number of its turn.

        Raises:
            Refused: Too many wait already.
            SessionClosed: It has ended.
        """
        session = self.session
        if len(session.queued) >= MOST_QUEUED:
            raise Refused(429, "too_many_prompts", f"{MOST_QUEUED} prompts wait already")
        turn = session.prompt(text, idempotency_key=key)
        self._noticed()
        return turn.number

    def respond(self, permission: str, option: str) -> None:
        """Answer a permission request; who answers first decides.

        Raises:
            Refused: Somebody answered it already, or there is no such request or option.
        """
        try:
            self.session.respond(permission, option)
        except AgentOsError as error:
            status = {
                "permission_already_resolved": 409,
                "permission_request_unknown": 404,
                "permission_option_unknown": 422,
            }.get(error.code, 409)
            code = "permission_resolved" if status == 409 else error.code
            raise Refused(status, code, error.message, hint=error.hint) from error

    def state(self) -> SessionState:
        """Tell how it is."""
        progress, opened = self._progress, self._opened
        wanted = self.wanted
        return SessionState(
            id=self.id,
            agent=wanted.agent,
            title=progress.title,
            state=self._state(),
            live=True,
            model=self._model(),
            profile=wanted.profile,
            workspace=wanted.workspace,
            machine=opened.machine.id if opened else None,
            turns=progress.turns,
            queued=len(opened.session.queued) if opened else 0,
            last_line=progress.last_line,
            usage=progress.usage,
            cost=self.cost,
            permissions=list(progress.permissions.values()),
            created_at=self.created_at,
            updated_at=progress.updated,
            last_seq=progress.last_seq,
            error=self._failure or progress.error,
        )

    def note_cost(self, cost: Cost | None) -> None:
        """Take in what it cost so far."""
        self.cost = cost
        self._noticed()

    def publish(self) -> None:
        """Tell everybody who looks how it is now."""
        self.version += 1
        self._told = self._visible()
        self._stale.clear()
        self.feed.wake()
        self._tell(self)

    def _state(self) -> State:
        if self._opened is None:
            return State.STARTING
        if self._failure is not None:
            return State.FAILED
        if self._progress.permissions:
            return State.WAITING
        busy = self._progress.working or bool(self._opened.session.queued)
        return State.RUNNING if busy else State.IDLE

    def _model(self) -> str | None:
        if self.wanted.model is not None or self._opened is None:
            return self.wanted.model
        options = self._opened.session.options
        chosen = next((one for one in options if one.get("id") == "model"), {})
        value = chosen.get("currentValue")
        return value if isinstance(value, str) else None

    def _visible(self) -> object:
        """What is told at once when it changes."""
        progress = self._progress
        queued = len(self._opened.session.queued) if self._opened else 0
        asked = tuple(progress.permissions)
        return self._state(), progress.title, progress.turns, queued, asked, self.cost

    def _noticed(self) -> None:
        if self._visible() != self._told:
            self.publish()
        else:
            self._stale.set()

    @asynccontextmanager
    async def _watched(self, context: AbstractAsyncContextManager[Opened]) -> AsyncIterator[Opened]:
        async with context as opened:
            self._opened, self.id = opened, opened.session.id
            async with background(self._follow(opened.session), self._pace()):
                yield opened

    async def _follow(self, session: Session) -> None:
        """Take in what happens, until the session ends."""
        try:
            async for event in session.events(self._progress.last_seq):
                self._progress.note(event)
                self.feed.add(event)
                self._noticed()
                if event.type == "turn_ended":
                    self._on_spent()
        except AgentOsError as error:
            self._failure = Problem(code=error.code, message=error.message, hint=error.hint)
        self._noticed()

    async def _pace(self) -> None:
        """Tell of what changes all the time, now and then."""
        while True:
            await self._stale.wait()
            await asyncio.sleep(PACE)
            if self._stale.is_set():
                self.publish()

"""The sessions that the hub holds, and those that its store knows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from pydantic import ValidationError

from agentos.errors import AgentOsError
from agentos.hub.errors import Refused, hub_closing
from agentos.hub.holding import EndedEarly
from agentos.hub.machines.owned import OwnedMachine
from agentos.hub.sessions.costs import costs_of
from agentos.hub.sessions.live import LiveSession
from agentos.hub.sessions.models import NewSession, Renewal, SessionList, SessionState, State
from agentos.hub.sessions.opening import Opened, forked, opened
from agentos.hub.sessions.progress import Progress
from agentos.hub.sessions.stored import StoredSessions
from agentos.sessions.ids import new_id
from agentos.sessions.transcripts import Transcripts
from agentos.sessions.transcripts.record import SessionRecord
from agentos.store import Store
from agentos.usage.ledger import Ledger

_logger = logging.getLogger(__name__)
#: Sessions that the hub holds at once: each has a machine and an agent.
MOST_LIVE = 32
#: Seconds from the end of a turn until its cost is looked for.
LEDGER_EVERY = 2.0
#: The `next` after all sessions that live.
_STORED = "stored"


class SessionOwner:
    """Begins sessions, finds them, and ends them all with the hub.

    Args:
        store: The hub's.
        told: Called with the state of a session whenever that has changed.
    """

    def __init__(self, store: Store, told: Callable[[SessionState], None]) -> None:
        self.stored = StoredSessions(store)
        self.transcripts = Transcripts(store)
        self.store = store
        self._told = told
        self._held: set[LiveSession] = set()
        self._by_id: dict[str, LiveSession] = {}
        self._news = asyncio.Event()
        self._spent = asyncio.Event()
        self._closing = False

    @property
    def live(self) -> list[LiveSession]:
        """The sessions that are held, the newest first."""
        return sorted(self._by_id.values(), key=lambda one: one.created_at, reverse=True)

    @property
    def machines(self) -> list[OwnedMachine]:
        """Their machines."""
        return [machine for one in self.live if (machine := one.machine) is not None]

    @property
    def news(self) -> asyncio.Event:
        """Set when a session begins or has ended."""
        return self._news

    @property
    def closing(self) -> bool:
        """Whether the hub is about to end."""
        return self._closing

    def find(self, id: str) -> LiveSession | None:
        """Return a session that is held, if it is."""
        return self._by_id.get(id)

    async def require(self, id: str) -> LiveSession:
        """Return a session that is held.

        Raises:
            Refused: It has ended, or there is none.
        """
        if (live := self._by_id.get(id)) is not None:
            return live
        await self.state(id)
        hint = "POST its /resume to go on with it"
        raise Refused(409, "session_not_live", f"session {id} is not live in this hub", hint=hint)

    async def state(self, id: str) -> SessionState:
        """Return how a session is.

        Raises:
            Refused: There is none.
        """
        if (live := self._by_id.get(id)) is not None:
            return live.state()
        if (state := await self.stored.get(id)) is None:
            raise unknown_session(id)
        return state

    async def page(self, after: str | None, limit: int, live: bool | None) -> SessionList:
        """Return sessions: on the first page all that live, then those of the store.

        Args:
            after: The `next` of the page before.
            limit: How many of the store at most.
            live: Only those that live, or only the others.
        """
        first = [one.state() for one in self.live] if after is None and live is not False else []
        if live is True:
            return SessionList(sessions=first, next=None)
        if len(first) >= limit:
            return SessionList(sessions=first, next=_STORED)
        place = None if after == _STORED else after
        rest, following = await self.stored.page(place, limit - len(first), list(self._by_id))
        return SessionList(sessions=first + rest, next=following)

    async def begin(self, wanted: NewSession) -> LiveSession:
        """Begin a session, or go on with one, and wait until its agent is ready.

        Raises:
            Refused: The hub holds too many, or ends, or this one is live.
            AgentOsError: It could not begin.
        """
        if wanted.resume is None:
            live = await self._begin(new_id(), wanted, Progress(), None)
        else:
            record = await self._record(wanted.resume)
            wanted = wanted.model_copy(update={"agent": record.agent})
            live = await self._go_on(record, wanted)
        try:
            if wanted.prompt is not None:
                live.prompt(wanted.prompt)
        except AgentOsError:
            await asyncio.shield(self._end(live))  # who asked for it never learns its id
            raise
        return live

    async def resume(self, id: str, renewed: Renewal) -> LiveSession:
        """Go on with a session as it was made, in a fresh machine.

        Raises:
            Refused: There is none, or it is live.
            AgentOsError: It could not begin.
        """
        record = await self._record(id)
        wanted = _as_it_was(record, renewed)
        kept = {
            "resume": id,
            "env": renewed.env,
            "model": record.settings.get("model"),
            "profile": record.settings.get("profile"),
        }
        return await self._go_on(record, wanted.model_copy(update=kept))

    async def fork(self, id: str) -> LiveSession:
        """Branch a session with its machine.

        Raises:
            Refused: It is not live, or the hub holds too many.
            AgentOsError: It cannot be branched.
        """
        parent = await self.require(id)
        progress = Progress(title=parent.state().title)
        return await self._begin("", parent.wanted, progress, forked(parent.opened))

    async def end(self, id: str) -> SessionState:
        """End a session; its transcript stays.

        Raises:
            Refused: There is none.
        """
        live = self._by_id.get(id)
        if live is not None:
            await asyncio.shield(self._end(live))
        state = await self.state_or_ended(id, live)
        self._told(state)
        return state

    async def state_or_ended(self, id: str, live: LiveSession | None) -> SessionState:
        """Return how a session is; of one that never began the store knows nothing."""
        found = await self.stored.get(id)
        if found is None and live is not None:
            return live.state().model_copy(update={"state": State.ENDED, "live": False})
        return found or await self.state(id)

    async def end_all(self) -> None:
        """End every session, now and from now on."""
        self._closing = True
        self._stir()
        for live in self._held:
            live.feed.wake()  # who follows is told at once
        async with asyncio.TaskGroup() as group:
            for live in list(self._held):
                group.create_task(self._end(live))

    async def count_costs(self) -> None:
        """Keep up what the sessions cost, for as long as the hub runs."""
        while True:
            await self._spent.wait()
            await asyncio.sleep(LEDGER_EVERY)  # the agents' own files come a moment later
            self._spent.clear()
            try:
                await Ledger(self.store).ingest()
                costs = await costs_of(self.store, list(self._by_id))
            except (AgentOsError, OSError) as error:
                _logger.warning("what sessions cost is found out later: %s", error)
            else:
                for live in self.live:
                    live.note_cost(costs.get(live.id))

    async def _go_on(self, record: SessionRecord, wanted: NewSession) -> LiveSession:
        if (live := self._by_id.get(record.id)) is not None:
            if not live.failed:
                raise Refused(409, "session_live", f"session {record.id} is live already")
            await self._end(live)
        progress = await self.stored.progress(record)
        return await self._begin(record.id, wanted, progress.again(), None)

    async def _begin(
        self,
        id: str,
        wanted: NewSession,
        progress: Progress,
        context: AbstractAsyncContextManager[Opened] | None,
    ) -> LiveSession:
        self._require_room(id)
        live = LiveSession(id, wanted, progress, self._changed, self._spent.set)
        self._held.add(live)
        if id:
            self._by_id[id] = live
            live.publish()
        try:
            await live.begin(context or opened(wanted, id))
        except OSError as error:
            self._forget(live)
            raise _unreadable(error) from error
        except EndedEarly as error:
            self._forget(live)
            self._require_open()
            message = f"session {live.id} was ended before it was ready"
            raise Refused(409, "session_ended", message) from error
        except BaseException:
            self._forget(live)
            raise
        self._by_id[live.id] = live
        self._stir()
        return live

    def _require_open(self) -> None:
        if self._closing:
            raise hub_closing()

    def _require_room(self, id: str) -> None:
        self._require_open()
        if id in self._by_id:
            raise Refused(409, "session_live", f"session {id} is live already")
        if len(self._held) >= MOST_LIVE:
            hint = "end one that is not needed any more"
            message = f"the hub holds {MOST_LIVE} sessions already"
            raise Refused(429, "too_many_sessions", message, hint=hint)

    async def _end(self, live: LiveSession) -> None:
        error = await live.end()
        self._forget(live)  # not before: who is cancelled here leaves the end to the next one
        if error is not None:
            _logger.warning("session %s did not end well: %s", live.id, error)

    def _forget(self, live: LiveSession) -> None:
        self._held.discard(live)
        if self._by_id.get(live.id) is live:
            del self._by_id[live.id]
        live.feed.wake()
        self._stir()

    def _changed(self, live: LiveSession) -> None:
        if self._by_id.get(live.id) is live:
            self._told(live.state())

    def _stir(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _record(self, id: str) -> SessionRecord:
        if (record := await self.stored.record(id)) is None:
            raise unknown_session(id)
        return record


def _as_it_was(record: SessionRecord, renewed: Renewal) -> NewSession:
    """Return what a session was asked to be, as far as that was kept."""
    changed = renewed.model_dump(include={"permission", "workspace"}, exclude_none=True)
    notes = record.settings.get("notes", {})
    try:
        return NewSession.model_validate({**notes, **changed, "agent": record.agent})
    except ValidationError as error:
        raise Refused(
            422,
            "session_not_of_hub",
            f"session {record.id} was made with what no session of a hub has",
            hint="POST /api/v1/sessions with `resume` and all that it shall have",
        ) from error


def _unreadable(error: OSError) -> Refused:
    """Say which file of the host a session could not begin with."""
    what = error.filename or "a file"
    return Refused(422, "file_unreadable", f"{what}: {error.strerror or error}")


def unknown_session(id: str) -> Refused:
    """Say that there is no such session."""
    return Refused(
        404, "session_not_found", f"there is no session {id!r}", hint="GET /api/v1/sessions"
    )

"""Where the events of a session go: a new transcript, or one that goes on."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agentos.agents import AgentDefinition
from agentos.agents.machine import AgentMachine
from agentos.errors import SessionTaken, StoreError
from agentos.sessions.connection import Opened
from agentos.sessions.event_log import EventLog
from agentos.sessions.ids import new_id

if TYPE_CHECKING:
    from agentos.sessions.past import Past
    from agentos.sessions.request import SessionRequest
    from agentos.sessions.transcripts import Transcripts


@dataclass(frozen=True)
class OwnTranscript:
    """The transcript of a session that this process drives.

    Attributes:
        log: Where its events go.
        epoch: Our right to write it.
    """

    log: EventLog
    transcripts: Transcripts
    epoch: int

    async def past(self) -> Past:
        """Return what has happened so far, for an agent that goes on with it."""
        from agentos.sessions.past import Past

        return await Past.read(self.transcripts, self.log.session_id, self.epoch)

    async def note_agent(self, opened: Opened, machine: AgentMachine) -> None:
        """Note the session that an agent has opened."""
        place = {"agent_session": opened.session_id, "machine": machine.name, "ended": None}
        await self.transcripts.change(self.log.session_id, self.epoch, **place)


async def begin_log(
    resources: AsyncExitStack,
    machine: AgentMachine,
    definition: AgentDefinition,
    opened: Opened,
    request: SessionRequest,
    past: Past | None,
) -> OwnTranscript:
    """Begin the transcript of a session, or go on with it.

    Args:
        resources: Keeps the store open as long as the session.
        machine: Where the agent works.
        definition: The agent.
        opened: What the agent said.
        request: What the caller asked for.
        past: The session that goes on, or that is forked.
    """
    from agentos.sessions.transcripts.driver import this_process
    from agentos.sessions.transcripts.keeper import StoredSession, open_transcripts
    from agentos.sessions.transcripts.record import SessionRecord
    from agentos.store import default_url

    url = default_url()
    transcripts = await resources.enter_async_context(open_transcripts(url))
    goes_on = past is not None and not past.forks
    if past is not None and goes_on:
        id, epoch, last_seq = past.record.id, past.epoch, past.record.last_seq
    else:
        settings = {
            "cwd": request.agent.cwd,
            "model": request.agent.model,
            "instructions": request.agent.instructions,
            "profile": request.agent.booked_under,
            "mode": request.mode,
            "forked_at": past.record.last_seq if past else None,
            "notes": request.notes or None,
            "driver": this_process(),
        }
        record = SessionRecord(
            new_id() if request.id is None or past else request.id,
            definition.name,
            machine.name,
            agent_session=opened.session_id,
            parent=past.record.id if past else None,
            settings={name: value for name, value in settings.items() if value is not None},
        )
        id, epoch, last_seq = record.id, await transcripts.create(record), 0
    resources.push_async_callback(_note_the_end, transcripts, id, epoch)
    log = EventLog(id, StoredSession(id, epoch, url), last_seq)
    if past is not None and goes_on and past.interrupted is not None:
        log.append("turn_ended", _interrupted(past.interrupted))
    own = OwnTranscript(log, transcripts, epoch)
    if past is not None and goes_on:
        await own.note_agent(opened, machine)
        driven = {**past.record.settings, "driver": this_process()}
        await transcripts.change(id, epoch, settings=driven)
    return own


async def _note_the_end(transcripts: Transcripts, id: str, epoch: int) -> None:
    # Another owner notes its own end, and a store that fails has failed the session already.
    with suppress(SessionTaken, StoreError):
        await transcripts.change(id, epoch, ended=datetime.now(UTC))


def _interrupted(turn: int) -> dict[str, object]:
    error = {
        "code": "turn_interrupted",
        "message": "the process that drove the session ended in the middle of the turn",
        "hint": None,
    }
    return {"turn": turn, "stop_reason": None, "usage": None, "error": error}

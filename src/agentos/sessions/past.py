"""Going on with a session: by the agent's own means, or from its transcript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from agentos.agents import AgentDefinition, AgentRequest, Launch
from agentos.agents.definition import McpServer
from agentos.agents.machine import AgentMachine
from agentos.errors import AgentCrashed, AgentError, SessionNotFound
from agentos.sessions.connection import AgentConnection, Opened
from agentos.sessions.events import SessionEvent
from agentos.sessions.transcripts import SessionRecord, Transcripts
from agentos.sessions.transcripts.export import as_markdown
from agentos.sessions.transcripts.kept_files import KeptFiles

#: Characters of a transcript that a fresh agent is given, the last ones.
MOST_CONTEXT = 60_000

_CONTEXT = """\
You go on with an earlier session, which ended when its agent was lost. Files and commands are as \
the machine shows them now. This is {what} of what was said and done:

{transcript}
"""


@dataclass(frozen=True, slots=True)
class Resumed:
    """How a session was taken up again.

    Attributes:
        how: `agent` if the agent itself remembers it, `transcript` if a fresh one was told.
        lost: What did not survive, in words.
    """

    how: Literal["agent", "transcript"]
    lost: Sequence[str]


@dataclass(frozen=True)
class Past:
    """A session that is to go on, and is ours now.

    Attributes:
        record: What was kept of it.
        epoch: Our right to write it.
        turns: How many turns it had.
        interrupted: The number of a turn that never ended, or None.
        keyed: The `turn_started` events of prompts that had an idempotency key.
        forks: Whether another session goes on from here, and this one too.
    """

    record: SessionRecord
    epoch: int
    turns: int
    interrupted: int | None
    transcripts: Transcripts
    keyed: Sequence[SessionEvent] = ()
    forks: bool = False

    @classmethod
    async def claim(cls, transcripts: Transcripts, session_id: str) -> Past:
        """Take a session over from whoever had it.

        Raises:
            SessionNotFound: There is no such session.
        """
        past = await cls.read(transcripts, session_id, await transcripts.claim(session_id))
        started = await transcripts.every(session_id, "turn_started")
        return replace(past, keyed=[e for e in started if "idempotency_key" in e.data])

    @classmethod
    async def read(cls, transcripts: Transcripts, session_id: str, epoch: int) -> Past:
        """Read what was kept of a session that is ours."""
        record = await transcripts.get(session_id)
        started = await transcripts.latest(session_id, "turn_started")
        ended = await transcripts.latest(session_id, "turn_ended")
        turns = int(started.data["turn"]) if started else 0
        open_turn = started is not None and (ended is None or ended.seq < started.seq)
        return cls(record, epoch, turns, turns if open_turn else None, transcripts)

    async def put_back(self, machine: AgentMachine) -> None:
        """Put the agent's own files of the session where it looks for them when it starts."""
        await KeptFiles(self.record.id).put_back(machine)

    async def reopen(
        self,
        connection: AgentConnection,
        launch: Launch,
        mcp_servers: Mapping[str, McpServer],
    ) -> Opened | None:
        """Let the agent take its session up again; None if it cannot."""
        if self.record.agent_session is None:
            return None
        for fork in (True, False) if self.forks else (False,):
            try:
                return await connection.open(
                    launch, mcp_servers, self.record.agent_session, fork=fork
                )
            except AgentCrashed:
                raise
            except AgentError:
                continue
        return None

    async def told(
        self, definition: AgentDefinition, machine: AgentMachine, request: AgentRequest
    ) -> Launch:
        """Prepare a fresh agent that is told what happened."""
        transcript = await self._transcript(self.record)
        what = "all" if len(transcript) <= MOST_CONTEXT else "the last part"
        context = _CONTEXT.format(what=what, transcript=transcript[-MOST_CONTEXT:])
        instructions = "\n\n".join(filter(None, (request.instructions, context)))
        return await definition.prepare(machine, replace(request, instructions=instructions))

    async def _transcript(self, record: SessionRecord, until: int | None = None) -> str:
        """Write down a session, after what came before it was forked."""
        before = ""
        if record.parent is not None:
            # A parent may have been removed; its branch goes on without.
            with suppress(SessionNotFound):
                parent = await self.transcripts.get(record.parent)
                before = await self._transcript(parent, record.settings.get("forked_at"))
        events = self.transcripts.read(record.id, limit=until)
        return before + "".join([part async for part in as_markdown(record, events)])

    def resumed(self, by_agent: bool, machine: AgentMachine) -> Resumed:
        """Say what did not survive."""
        lost = ["commands that ran"]
        if not by_agent:
            lost.append("what the agent thought, and what of the transcript is too long ago")
        if self.interrupted is not None:
            lost.append(f"the end of turn {self.interrupted}, which was interrupted")
        if self.record.machine != machine.name:
            lost.append(f"files of the machine {self.record.machine}, if it was another one")
        return Resumed("agent" if by_agent else "transcript", tuple(lost))

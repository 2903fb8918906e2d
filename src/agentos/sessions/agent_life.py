"""The life of a session's agent: it crashes and starts again, it rests and is woken.

After a crash the agent is started again at once, by the ladder of `resume_session`. A second
crash before a turn has ended well is final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from agentos.errors import AgentError, AgentOsError, MachineError, SessionClosed
from agentos.sessions.cancellation import commands_of
from agentos.sessions.connection import AgentConnection, Opened
from agentos.sessions.failures import described
from agentos.sessions.hearing import Hearing
from agentos.sessions.log_of_session import OwnTranscript
from agentos.sessions.starting import Started, Starter

if TYPE_CHECKING:
    from agentos.sessions.past import Resumed

Reason = Literal["crashed", "idle", "cancelled", "closed"]


class AgentLife:
    """Keep an agent alive for a session.

    Args:
        starter: Starts it again.
        started: The agent as it was started first.
        transcript: What a restarted agent goes on with.
        hearing: Listens to it.
        on_end: Called when its process has ended.
        mode: The mode that it was put in.

    Attributes:
        machine: Where the agent works.
        opened: The session that the agent opened last.
        resumed: How the agent took the session up the last time.
        awake: Set while the agent runs.
        ending: Whether the session is being closed: nothing is started any more.
    """

    def __init__(
        self,
        starter: Starter,
        started: Started,
        transcript: OwnTranscript,
        hearing: Hearing,
        on_end: Callable[[], None],
        mode: str | None = None,
    ) -> None:
        self.machine = starter.machine
        self.awake = asyncio.Event()
        self.ending = False
        self._starter = starter
        self._transcript = transcript
        self._hearing = hearing
        self._on_end = on_end
        self._agent: Started | None = None
        self._waking: asyncio.Task[None] | None = None
        self._crashes = 0
        self._killed = False
        self._mode = mode
        self._chosen: dict[str, str | bool] = {}
        self.opened: Opened = started.opened
        self.resumed: Resumed | None = None
        self._enter(started)

    @property
    def connection(self) -> AgentConnection:
        """The conversation with the agent, which runs."""
        if self._agent is None:
            raise SessionClosed(f"{self._starter.definition.name} does not run")
        return self._agent.connection

    @property
    def process_ended(self) -> bool:
        """Whether its process has ended and nobody has noted it yet."""
        return self._agent is not None and self._agent.connection.process.ended.done()

    def note_success(self) -> None:
        """A turn has ended well: what crashed before is forgiven."""
        self._crashes = 0

    async def wake(self) -> None:
        """Start the agent again if it rests.

        Raises:
            AgentOsError: It does not start.
            SessionClosed: The session is closed meanwhile.
        """
        if self._agent is not None:
            return
        if self.ending:
            raise SessionClosed("the session was closed")
        self._waking = asyncio.create_task(self._start_again())
        await asyncio.wait({self._waking})
        if self._waking.cancelled():
            raise SessionClosed("the session was closed")
        self._waking.result()

    async def recover(self) -> None:
        """Note that the process has ended, and start it again if that may be.

        Raises:
            AgentCrashed: It has crashed before, or crashes when it starts again.
            MachineError: The machine has ended.
            AgentOsError: It does not start.
            OSError: What it needs cannot be written or read.
        """
        connection = self.connection
        await connection.end()
        killed, self._killed = self._killed, False
        if killed:
            self._note_exit("cancelled")
        else:
            error = connection.process.crash()
            self._note_exit("crashed", error)
            self._crashes += 1
            if isinstance(error, MachineError) or self._crashes > 1:
                raise error
        try:
            await self.wake()
        except (AgentOsError, OSError) as error:
            if not self.ending:
                self._hearing.warn(f"the agent could not be started again: {error}")
            raise

    async def rest(self) -> None:
        """End the agent until it is needed, unless a command of it still runs."""
        connection = self.connection
        try:
            processes = await connection.machine.processes()
        except MachineError:
            return  # its process ends with it, which is noted next
        if commands_of(connection.process.process, processes) or self.process_ended:
            return
        await connection.end(self.opened)
        self._note_exit("idle")

    async def kill(self) -> None:
        """Kill an agent that does not obey; it is started again."""
        if self._agent is not None:
            self._killed = True
            await self._agent.connection.end()

    async def end(self) -> None:
        """End the agent for good; safe to repeat."""
        self.ending = True
        try:
            if self._waking is not None:
                self._waking.cancel()
                await asyncio.wait({self._waking})
        finally:
            if self._agent is not None:
                await self._agent.connection.end(self.opened)

    async def ended(self) -> None:
        """Wait until an agent that is being ended is gone, and note it."""
        if self._agent is not None:
            await asyncio.wait({self._agent.connection.process.ended})
            self._note_exit("closed")

    async def set_mode(self, mode: str) -> None:
        """Choose a mode, for an agent that is started again too."""
        await self.connection.set_mode(self.opened.session_id, mode)
        self._mode = mode
        self._chosen.pop("mode", None)

    async def set_option(self, option: str, value: str | bool) -> Sequence[Mapping[str, Any]]:
        """Choose a value, for an agent that is started again too; return all options."""
        changed = await self.connection.set_option(self.opened.session_id, option, value)
        self._chosen[option] = value
        if option == "mode":
            self._mode = None
        return changed

    def _enter(self, started: Started) -> None:
        self._agent, self.opened, self.resumed = started, started.opened, started.resumed
        log, opened, process = self._transcript.log, started.opened, started.connection.process
        said: dict[str, Any] = {
            "agent": self._starter.definition.name,
            "info": opened.agent,
            "options": opened.options,
        }
        if started.resumed is not None:
            said["resumed"] = asdict(started.resumed)
        log.append("agent_started", said)
        for warning in started.warnings:
            self._hearing.warn(warning)
        self._hearing.options = opened.options
        started.connection.listen(self._hearing)
        process.ended.add_done_callback(lambda _: self._on_end())
        self.awake.set()

    def _note_exit(self, reason: Reason, error: Exception | None = None) -> None:
        process = self.connection.process
        exited = {
            "exit_code": process.ended.result().exit_code,
            "reason": reason,
            "error": None if error is None else described(error),
            "stderr_tail": process.stderr_tail if error else None,
        }
        self._transcript.log.append("agent_exited", exited)
        self._agent = None
        self.awake.clear()

    async def _start_again(self) -> None:
        started = await self._starter.again(await self._transcript.past())
        self._enter(started)
        await self._transcript.note_agent(started.opened, self._starter.machine)
        await self._choose_again()

    async def _choose_again(self) -> None:
        """Choose what was chosen before; an agent that refuses it now goes on without."""
        try:
            if self._mode is not None:
                await self.set_mode(self._mode)
            for option, value in dict(self._chosen).items():
                self._hearing.options = await self.set_option(option, value) or (
                    self._hearing.options
                )
        except AgentError as error:
            self._hearing.warn(f"what was chosen before is not chosen again: {error}")

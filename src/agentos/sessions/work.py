"""The work of a session: its turns one after the other, and its agent kept fit for them."""

from __future__ import annotations

import asyncio
from typing import Any

from agentos.errors import AgentOsError, MachineError, SessionClosed
from agentos.sessions.agent_life import AgentLife
from agentos.sessions.event_log import EventLog
from agentos.sessions.failures import broken_off
from agentos.sessions.hearing import Hearing
from agentos.sessions.playing import TurnPlayer
from agentos.sessions.turn_queue import TurnQueue


class SessionWork:
    """Do what is to be done in a session, one thing at a time, until it ends.

    Args:
        life: The agent's.
        queue: The turns.
        player: Plays them.
        log: The session's events.
        hearing: Takes warnings.
        stirred: Set when there may be something to do.
        idle_timeout: Seconds without work after which the agent rests.

    Attributes:
        busy: Held while something is done; who holds it keeps the agent from working.
        running: The task; done when the session has ended.
    """

    def __init__(
        self,
        life: AgentLife,
        queue: TurnQueue,
        player: TurnPlayer,
        log: EventLog,
        hearing: Hearing,
        stirred: asyncio.Event,
        idle_timeout: float | None,
    ) -> None:
        self.busy = asyncio.Lock()
        self._life = life
        self._queue = queue
        self._player = player
        self._log = log
        self._hearing = hearing
        self._stirred = stirred
        self._idle_timeout = idle_timeout
        self._needed = False
        self.running = asyncio.create_task(self._run(), name=f"agentos session {log.session_id}")

    async def need_agent(self) -> None:
        """Wait until the agent runs or the session has ended; wake it if it rests."""
        while not self._life.awake.is_set() and not self.running.done():
            self._needed = True
            self._stirred.set()
            waking = asyncio.ensure_future(self._life.awake.wait())
            either: set[asyncio.Future[Any]] = {waking, self.running}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()

    async def end(self) -> None:
        """Wait for the end of a session whose agent has been ended."""
        self._stirred.set()
        await asyncio.wait({self.running})

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            while True:
                self._stirred.clear()
                if self._life.ending or self._log.failed.done():
                    break
                if not await self._step():
                    await self._wait()
        except AgentOsError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - who waits would not learn why
            error = broken_off(failure)
        finally:
            if self._life.ending:
                await self._life.ended()
                await self._keep_files()  # sub-agents may have gone on after the last turn
                error = None
            else:
                await self._life.end()
            self._finish(error)

    async def _step(self) -> bool:
        """Do what is next; tell whether there was anything."""
        async with self.busy:
            if self._life.process_ended:
                await self._keep_files()  # what it had written when it crashed
                await self._life.recover()
                return True
            if (turn := self._queue.begin()) is not None:
                await self._life.wake()
                self._queue.end(turn, await self._player.play(turn))
                await self._keep_files()
                return True
            needed, self._needed = self._needed, False
            if needed:
                await self._life.wake()
            return needed

    async def _wait(self) -> None:
        """Wait for something to do; an agent that waits too long may rest."""
        patience = self._idle_timeout if self._life.awake.is_set() else None
        try:
            async with asyncio.timeout(patience):
                await self._stirred.wait()
        except TimeoutError:
            async with self.busy:
                if not self._stirred.is_set():
                    await self._keep_files()  # sub-agents may have gone on since
                    await self._life.rest()

    async def _keep_files(self) -> None:
        """Keep the agent's own files of the session, for another machine to go on with it."""
        from agentos.sessions.transcripts.kept_files import KeptFiles

        if self._log.failed.done():
            return  # somebody else may own the session now
        try:
            kept = KeptFiles(self._log.session_id)
            await kept.keep(self._life.machine, self._life.opened.files)
        except (OSError, MachineError) as error:
            if not self._life.ending:
                self._hearing.warn(f"the agent's own files of the session were not kept: {error}")

    def _finish(self, error: Exception | None) -> None:
        """Leave nobody waiting, whatever the end was."""
        if self._log.failed.done():
            error = self._log.failed.result()
        self._queue.fail(error or SessionClosed("the session has ended"))
        if not self._log.failed.done():
            self._log.close(error)

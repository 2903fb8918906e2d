"""Playing a turn: the prompt goes to the agent, and its end is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar

from agentos.agents.definition import AgentDefinition
from agentos.errors import (
    AgentError,
    AgentOsError,
    BudgetExceeded,
    MachineError,
    ModelFailed,
    SessionClosed,
)
from agentos.sessions.agent_life import AgentLife
from agentos.sessions.cancellation import kill_commands
from agentos.sessions.event_log import EventLog
from agentos.sessions.events import SessionEvent
from agentos.sessions.failures import described, of_a_prompt, of_the_model
from agentos.sessions.hearing import Hearing
from agentos.sessions.turn import Turn, TurnResult, TurnUsage, text_of

T = TypeVar("T")

#: How long an agent may take to obey a cancellation, in seconds, before its commands are
#: killed under it, and then before it is killed itself.
CANCEL_PATIENCE = 1.0
CANCEL_GRACE = 10.0


class TurnPlayer:
    """Plays the turns of a session, one after the other.

    Attributes:
        usage: The tokens of all turns so far.
        overspent: The budget that has stopped a model call of this turn.
    """

    def __init__(
        self, definition: AgentDefinition, life: AgentLife, log: EventLog, hearing: Hearing
    ) -> None:
        self.usage = TurnUsage()
        self.overspent: BudgetExceeded | None = None
        self._definition = definition
        self._life = life
        self._log = log
        self._hearing = hearing
        self._turn: Turn | None = None

    async def play(self, turn: Turn) -> SessionEvent:
        """Play a turn and settle it, however it ends.

        Returns:
            The event that begins it.
        """
        self._turn = turn
        self._hearing.begin(turn)
        first = self._log.append("turn_started", turn.opening)
        error: Exception | None = None
        self.overspent = None
        stop_reason, usage = "cancelled", None
        try:
            stop_reason, usage = await self._ask(turn)
        except AgentOsError as failure:
            error = self._why(turn, failure)
            if isinstance(error, ModelFailed):
                error = self.overspent or error
        if turn.cancelling:
            await self.kill_commands()
        if turn.failure:
            error = turn.failure
        ending = {
            "turn": turn.number,
            "stop_reason": None if error else stop_reason,
            "usage": None if usage is None else asdict(usage),
            "error": None if error is None else described(error),
        }
        last = self._log.append("turn_ended", ending)
        self._log.compact()
        text = text_of(self._hearing.updates)
        try:
            events = await self._log.between(first.seq, last.seq)
        except AgentOsError as failure:
            error = failure  # of the store
        if error:
            turn.fail(error)
        else:
            self._life.note_success()
            turn.succeed(TurnResult(text, stop_reason, usage, events))
        return first

    async def stop(self, turn: Turn) -> None:
        """Wait for the end of a turn that is cancelled, with ever more force."""
        telling = asyncio.create_task(self._tell_to_stop(turn))  # who hangs does not answer
        try:
            if await turn.wait(CANCEL_PATIENCE):
                return
            await self.kill_commands()
            if not await turn.wait(CANCEL_GRACE):
                name = self._definition.name
                self._hearing.warn(f"{name} did not stop within {CANCEL_GRACE:g} s and is killed")
                turn.killed = True
                await self._life.kill()
                await turn.wait()
        finally:
            telling.cancel()
            await asyncio.wait({telling})

    async def _tell_to_stop(self, turn: Turn) -> None:
        """Ask the agent to end a turn, again if it heard that before the turn had begun there."""
        while not turn.done:
            if turn is self._turn and self._life.awake.is_set():
                # An agent that cannot be told, perhaps for it has just ended, is killed in time.
                with suppress(AgentError, MachineError):
                    await self._life.connection.cancel(self._life.opened.session_id)
            await turn.wait(CANCEL_PATIENCE)

    async def kill_commands(self) -> None:
        """Kill what the agent left running."""
        if self._life.process_ended or not self._life.awake.is_set():
            return  # they ended with it
        connection = self._life.connection
        for info in await kill_commands(connection.machine, connection.process.process):
            self._hearing.warn(f"process {info.pid} ({info.executable}) could not be killed")

    async def _ask(self, turn: Turn) -> tuple[str, TurnUsage | None]:
        answer = await self._unless_unstored(self._prompt(turn))
        reported = answer.get("usage")
        usage = TurnUsage.of(reported) if isinstance(reported, dict) else None
        if usage:
            self.usage += usage
        words = self._definition.failure(self._hearing.updates)
        if not turn.cancelling and words:
            raise of_the_model(self._definition.name, words)
        stop_reason = "cancelled" if turn.cancelling else str(answer["stopReason"])
        if self._life.ending and stop_reason == "cancelled":
            raise SessionClosed("the session was closed")
        return stop_reason, usage

    async def _prompt(self, turn: Turn) -> Mapping[str, Any]:
        if turn.cancelling:  # by now: who cancels later finds the agent with the prompt
            return {"stopReason": "cancelled"}
        return await self._life.connection.prompt(self._life.opened.session_id, turn.prompt)

    async def _unless_unstored(self, asking: Coroutine[Any, Any, T]) -> T:
        """Wait for the agent, unless what it does cannot be kept: then it is ended."""
        answer = asyncio.ensure_future(asking)
        either: set[asyncio.Future[Any]] = {answer, self._log.failed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._log.failed.done():
                await self._life.connection.end()
                raise self._log.failed.result()
            return answer.result()
        finally:
            answer.cancel()
            await asyncio.wait({answer})

    def _why(self, turn: Turn, error: Exception) -> Exception | None:
        """Say why a turn failed; None if it only followed from its cancellation."""
        if self._life.ending:
            return SessionClosed("the session was closed in the middle of the turn")
        if turn.cancelling and (turn.killed or not self._life.process_ended):
            return None
        words = self._definition.failure(self._hearing.updates)
        return of_a_prompt(self._definition.name, error, words)

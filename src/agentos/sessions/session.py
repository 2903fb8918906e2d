"""A session with an agent: prompts in, events out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Self, TypeVar

from agentos.errors import (
    AgentCrashed,
    AgentError,
    AgentOsError,
    BudgetExceeded,
    ConfigInvalid,
    MachineError,
    ModelFailed,
    SessionClosed,
)
from agentos.sessions.cancellation import kill_commands
from agentos.sessions.event_log import EventLog
from agentos.sessions.events import SessionEvent
from agentos.sessions.failures import described, of_a_prompt, of_the_model
from agentos.sessions.hearing import Hearing
from agentos.sessions.options import refused
from agentos.sessions.permissions import Permission, PermissionDesk
from agentos.sessions.turn import Turn, TurnResult, TurnUsage, text_of

if TYPE_CHECKING:
    from agentos.agents.definition import AgentDefinition
    from agentos.models.budgets import Budget
    from agentos.sessions.connection import AgentConnection, Opened
    from agentos.sessions.model_choice import Grant
    from agentos.sessions.past import Resumed
    from agentos.sessions.tools.calls import ToolCalls

T = TypeVar("T")

#: How long an agent may take to obey a cancellation, in seconds, before its commands are
#: killed under it, and then before it is killed itself.
CANCEL_PATIENCE = 1.0
CANCEL_GRACE = 10.0


class Session:
    """An agent at work in a machine; made by `AgentOs.create_session`.

    Use it as an asynchronous context manager, or close it.

    Attributes:
        id: Its id; its transcript is kept under it.
        agent: The agent's name.
        agent_session: The agent's own id of it.
        resumed: How it was taken up again; None for a new session.
        capabilities: What the agent says it can do, in ACP's words.
        usage: The tokens of all turns so far.

    Example:
        ```python
        async with await vm.create_session("codex", env={"OPENAI_API_KEY": key}) as session:
            result = await session.prompt("Write a hello world script")
            print(result.text)
        ```
    """

    def __init__(
        self,
        definition: AgentDefinition,
        connection: AgentConnection,
        opened: Opened,
        log: EventLog,
        *,
        permission: Permission,
        warnings: Sequence[str],
        resources: AsyncExitStack,
        turns: int = 0,
        resumed: Resumed | None = None,
        tools: ToolCalls | None = None,
    ) -> None:
        self.id = log.session_id
        self.agent_session = opened.session_id
        self.agent = definition.name
        self.capabilities = opened.capabilities
        self.usage = TurnUsage()
        self._definition = definition
        self._connection = connection
        self._opened = opened
        self._resources = resources
        self._log = log
        self._desk = PermissionDesk(permission, self._log)
        self._hearing = Hearing(definition, self._log, self._desk, opened.options)
        self._turns: deque[Turn] = deque()
        self._current: Turn | None = None
        self._count = turns
        self.resumed = resumed
        self._closing = False
        self._overspent: BudgetExceeded | None = None
        self.grant: Grant | None = None
        self._stirred = asyncio.Event()
        self._tools = tools
        if tools is not None:
            tools.report_to(log.append)
        started = {"agent": self.agent, "info": opened.agent, "options": opened.options}
        if resumed is not None:
            started["resumed"] = asdict(resumed)
        self._log.append("agent_started", started)
        for warning in warnings:
            self._hearing.warn(warning)
        connection.listen(self._hearing)
        connection.process.ended.add_done_callback(lambda _: self._stirred.set())
        log.failed.add_done_callback(lambda _: self._stirred.set())
        self._working = asyncio.create_task(self._work(), name=f"agentos session {self.id}")

    def prompt(self, prompt: str | Sequence[Mapping[str, Any]]) -> Turn:
        """Send a prompt; it is queued while another one runs.

        Args:
            prompt: Text, or ACP content blocks such as `{"type": "text", "text": ...}`.

        Returns:
            The turn: await it for its result, or iterate over its events. Either raises
            `ModelFailed`, `BudgetExceeded`, `AgentCrashed`, `AgentError` or `MachineError` when
            it fails.

        Raises:
            SessionClosed: The session has ended.
        """
        self._require_open()
        blocks = [{"type": "text", "text": prompt}] if isinstance(prompt, str) else list(prompt)
        self._count += 1
        turn = Turn(self._count, blocks, self._log)
        self._turns.append(turn)
        self._stirred.set()
        return turn

    async def cancel(self) -> None:
        """Cancel the running turn and kill what the agent left running.

        Returns once the turn has ended. Without a turn it does nothing.
        """
        turn = self._current or (self._turns[0] if self._turns else None)
        if turn is None:
            return
        if not turn.cancelling:
            turn.cancelling = True
            self._desk.call_off()
            self._call_off_tools("the turn was cancelled")
            if turn is self._current:
                # An agent that has just ended cannot be told; the turn says so.
                with suppress(AgentCrashed, MachineError):
                    await self._connection.cancel(self.agent_session)
        if await turn.wait(CANCEL_PATIENCE):
            return
        await self._kill_commands()
        if not await turn.wait(CANCEL_GRACE):
            self._hearing.warn(f"{self.agent} did not stop within {CANCEL_GRACE:g} s and is killed")
            await self._connection.end()
            await turn.wait()

    def respond(self, request_id: str, option: str | None) -> None:
        """Answer a permission request under the policy `"ask"`.

        Args:
            request_id: From the `permission_requested` event.
            option: An option's id or its kind (`allow_once`, ...); None to call it off.

        Raises:
            AgentOsError: There is no such request, or it has no such option.
        """
        self._desk.respond(request_id, option)

    def set_budget(self, budget: Budget | None) -> None:
        """Change what it may spend on models in all; what it has spent counts.

        Raises:
            ConfigInvalid: Its calls do not go through the gateway.
        """
        self._require_open()
        if self.grant is None:
            raise ConfigInvalid(
                "the session's calls do not go through the gateway, which keeps budgets",
                hint='create_session(credentials="gateway")',
            )
        self.grant.set_budget(self.id, budget)

    def note_budget(self, exceeded: BudgetExceeded) -> None:
        """Hear from the gateway that a budget has stopped a model call of this session."""
        self._overspent = exceeded
        self._log.append("budget_exceeded", described(exceeded))

    @property
    def options(self) -> Sequence[Mapping[str, Any]]:
        """The agent's options (model, mode, ...) with their values, in ACP's words."""
        return self._hearing.options

    def events(self, after: int = 0) -> AsyncIterator[SessionEvent]:
        """Yield the session's events, past and to come, until it ends.

        Args:
            after: The `seq` of the last event that is already known.

        Raises:
            AgentCrashed: (at the end) The agent ended on its own.
            MachineError: (at the end) The machine ended first.
        """
        return self._log.follow(after)

    async def set_mode(self, mode: str) -> None:
        """Choose one of the agent's modes."""
        self._require_open()
        await self._connection.set_mode(self.agent_session, mode)

    async def set_model(self, model: str) -> None:
        """Choose the model for the turns to come."""
        await self.set_option("model", model)

    async def set_option(self, option: str, value: str | bool) -> None:
        """Choose a value of one of `options`.

        Raises:
            AgentError: The agent refused it.
        """
        self._require_open()
        try:
            changed = await self._connection.set_option(self.agent_session, option, value)
        except AgentCrashed:
            raise
        except AgentError as error:
            raise refused(error, self.options, option) from error
        self._hearing.options = changed or self.options

    @property
    def closed(self) -> bool:
        """Whether it has ended or is ending."""
        return self._closing or self._working.done() or self._connection.process.ended.done()

    async def close(self) -> None:
        """End the agent with all that it started; safe to repeat."""
        self._closing = True
        self._desk.call_off()
        self._call_off_tools("the session was closed")
        try:
            await self._connection.end(self._opened)
        finally:
            await asyncio.wait({self._working})
            await self._log.finish()
            await self._resources.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _work(self) -> None:
        try:
            while (turn := await self._next_turn()) is not None:
                await self._play(turn)
                await self._keep_files()
        finally:
            self._finish()

    async def _keep_files(self) -> None:
        """Keep the agent's own files of the session, for another machine to go on with it."""
        from agentos.sessions.transcripts.kept_files import KeptFiles

        try:
            await KeptFiles(self.id).keep(self._connection.machine, self._opened.files)
        except (OSError, MachineError) as error:
            if not self._closing:
                self._hearing.warn(f"the agent's own files of the session were not kept: {error}")

    async def _next_turn(self) -> Turn | None:
        while not self._connection.process.ended.done() and not self._log.failed.done():
            if self._turns and not self._closing:
                self._current = self._turns.popleft()
                return self._current
            self._stirred.clear()
            await self._stirred.wait()
        return None

    async def _play(self, turn: Turn) -> None:
        self._hearing.begin(turn)
        first = self._log.append("turn_started", {"turn": turn.number, "prompt": turn.prompt})
        error: Exception | None = None
        self._overspent = None
        stop_reason, usage = "cancelled", None
        try:
            if not turn.cancelling:
                stop_reason, usage = await self._ask(turn)
        except AgentOsError as failure:
            error = self._why(turn, failure)
            if isinstance(error, ModelFailed):
                error = self._overspent or error
        if turn.cancelling:
            await self._kill_commands()
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
        self._current = None
        if error:
            turn.fail(error)
        else:
            turn.succeed(TurnResult(text, stop_reason, usage, events))

    async def _ask(self, turn: Turn) -> tuple[str, TurnUsage | None]:
        answer = await self._unless_unstored(
            self._connection.prompt(self.agent_session, turn.prompt)
        )
        reported = answer.get("usage")
        usage = TurnUsage.of(reported) if isinstance(reported, dict) else None
        if usage:
            self.usage += usage
        if not turn.cancelling and (words := self._definition.failure(self._hearing.updates)):
            raise of_the_model(self.agent, words)
        stop_reason = "cancelled" if turn.cancelling else str(answer["stopReason"])
        if self._closing and stop_reason == "cancelled":
            raise self._has_ended()
        return stop_reason, usage

    async def _unless_unstored(self, asking: Coroutine[Any, Any, T]) -> T:
        """Wait for the agent, unless what it does cannot be kept: then it is ended."""
        answer = asyncio.ensure_future(asking)
        either: set[asyncio.Future[Any]] = {answer, self._log.failed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._log.failed.done():
                await self._connection.end()
                raise self._log.failed.result()
            return answer.result()
        finally:
            answer.cancel()
            await asyncio.wait({answer})

    def _why(self, turn: Turn, error: Exception) -> Exception | None:
        """Say why a turn failed; None if it only followed from its cancellation."""
        if self._closing:
            return SessionClosed("the session was closed in the middle of the turn")
        if turn.cancelling and not self._connection.process.ended.done():
            return None
        return of_a_prompt(self.agent, error, self._definition.failure(self._hearing.updates))

    def _finish(self) -> None:
        """Leave nobody waiting, whatever the end was."""
        process = self._connection.process
        error: Exception | None = self._log.failed.result() if self._log.failed.done() else None
        if error is None and process.ended.done():
            if not self._closing:
                error = process.crash()
            exited = {
                "exit_code": process.ended.result().exit_code,
                "error": None if error is None else described(error),
                "stderr_tail": process.stderr_tail if error else None,
            }
            self._log.append("agent_exited", exited)
        self._call_off_tools("the session has ended")
        if self._tools is not None:
            self._tools.report_to(None)
        self._closing = True
        for turn in (self._current, *self._turns):
            if turn is not None:
                turn.fail(error or self._has_ended())
        self._turns.clear()
        if not self._log.failed.done():
            self._log.close(error)

    def _call_off_tools(self, why: str) -> None:
        if self._tools is not None:
            self._tools.call_off(why)

    async def _kill_commands(self) -> None:
        connection = self._connection
        for info in await kill_commands(connection.machine, connection.process.process):
            self._hearing.warn(f"process {info.pid} ({info.executable}) could not be killed")

    def _require_open(self) -> None:
        if self.closed:
            raise self._has_ended()

    def _has_ended(self) -> SessionClosed:
        return SessionClosed(
            f"the session with {self.agent} has ended", hint="create a new session"
        )

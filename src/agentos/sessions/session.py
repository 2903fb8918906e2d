"""A session with an agent: prompts in, events out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any, Self

from agentos.errors import (
    AgentCrashed,
    AgentError,
    AgentOsError,
    BudgetExceeded,
    ConfigInvalid,
    MachineError,
    SessionClosed,
)
from agentos.sessions.agent_life import AgentLife
from agentos.sessions.events import SessionEvent
from agentos.sessions.failures import described
from agentos.sessions.hearing import Hearing
from agentos.sessions.options import refused
from agentos.sessions.permissions import PermissionDesk
from agentos.sessions.playing import TurnPlayer
from agentos.sessions.turn import Turn, TurnUsage
from agentos.sessions.turn_queue import TurnQueue

if TYPE_CHECKING:
    from agentos.models.budgets import Budget
    from agentos.sessions.log_of_session import OwnTranscript
    from agentos.sessions.model_choice import Grant
    from agentos.sessions.past import Past, Resumed
    from agentos.sessions.request import SessionRequest
    from agentos.sessions.starting import Started, Starter

#: How long an agent may take to obey a cancellation, in seconds, before its commands are
#: killed under it, and then before it is killed itself.
CANCEL_PATIENCE = 1.0
CANCEL_GRACE = 10.0


class Session:
    """An agent at work in a machine; made by `AgentOs.create_session`.

    Use it as an asynchronous context manager, or close it. When its agent crashes, the turn
    fails with `AgentCrashed` and the agent is started again; prompts that are queued go on.

    Attributes:
        id: Its id; its transcript is kept under it.
        agent: The agent's name.

    Example:
        ```python
        async with await vm.create_session("codex", env={"OPENAI_API_KEY": key}) as session:
            result = await session.prompt("Write a hello world script")
            print(result.text)
        ```
    """

    def __init__(
        self,
        request: SessionRequest,
        starter: Starter,
        started: Started,
        transcript: OwnTranscript,
        *,
        resources: AsyncExitStack,
        past: Past | None = None,
    ) -> None:
        log = transcript.log
        self.id = log.session_id
        self.agent = starter.definition.name
        self.grant: Grant | None = None
        self._request = request
        self._starter = starter
        self._resources = resources
        self._log = log
        self._desk = PermissionDesk(request.permission, log, request.permission_timeout)
        self._hearing = Hearing(starter.definition, log, self._desk, started.opened.options)
        self._queue = TurnQueue(log, past.turns if past else 0)
        self._stirred = asyncio.Event()
        self._needed = False
        stir = self._stirred.set
        self._life = AgentLife(starter, started, transcript, self._hearing, stir, request.mode)
        self._player = TurnPlayer(starter.definition, self._life, log, self._hearing)
        log.failed.add_done_callback(lambda _: stir())
        self._working = asyncio.create_task(self._work(), name=f"agentos session {self.id}")

    @property
    def agent_session(self) -> str:
        """The agent's own id of the session."""
        return self._life.opened.session_id

    @property
    def capabilities(self) -> Mapping[str, Any]:
        """What the agent says it can do, in ACP's words."""
        return self._life.opened.capabilities

    @property
    def resumed(self) -> Resumed | None:
        """How the agent took the session up the last time; None since a new session."""
        return self._life.resumed

    @property
    def usage(self) -> TurnUsage:
        """The tokens of all turns so far."""
        return self._player.usage

    @property
    def queued(self) -> Sequence[Turn]:
        """The turns that have not begun, the next one first."""
        return self._queue.waiting

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
        turn = self._queue.add(blocks)
        self._stirred.set()
        return turn

    async def cancel(self) -> None:
        """Cancel the running turn and kill what the agent left running.

        Returns once the turn has ended. Without a turn it does nothing. An agent that does not
        obey is killed and started again.
        """
        turn = self._queue.nearest
        if turn is None:
            return
        if not turn.cancelling:
            turn.cancelling = True
            self._desk.call_off()
            if turn is self._queue.current and self._life.awake.is_set():
                # An agent that has just ended cannot be told; the turn says so.
                with suppress(AgentCrashed, MachineError):
                    await self._life.connection.cancel(self.agent_session)
        if await turn.wait(CANCEL_PATIENCE):
            return
        await self._player.kill_commands()
        if not await turn.wait(CANCEL_GRACE):
            self._hearing.warn(f"{self.agent} did not stop within {CANCEL_GRACE:g} s and is killed")
            turn.killed = True
            await self._life.kill()
            await turn.wait()

    def respond(self, request_id: str, option: str | None) -> None:
        """Answer a permission request under the policy `"ask"`.

        Args:
            request_id: From the `permission_requested` event.
            option: An option's id or its kind (`allow_once`, ...); None to call it off.

        Raises:
            AgentOsError: There is no such request, it is answered already, or it has no such
                option.
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
        self._player.overspent = exceeded
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
        await self._agent_awake()
        await self._life.set_mode(mode)

    async def set_model(self, model: str) -> None:
        """Choose the model for the turns to come."""
        await self.set_option("model", model)

    async def set_option(self, option: str, value: str | bool) -> None:
        """Choose a value of one of `options`.

        Raises:
            AgentError: The agent refused it.
        """
        await self._agent_awake()
        try:
            changed = await self._life.set_option(option, value)
        except AgentCrashed:
            raise
        except AgentError as error:
            raise refused(error, self.options, option) from error
        self._hearing.options = changed or self.options

    @property
    def closed(self) -> bool:
        """Whether it has ended or is ending."""
        return self._life.ending or self._working.done()

    async def close(self) -> None:
        """End the agent with all that it started; safe to repeat."""
        self._desk.call_off()
        try:
            await self._life.end()
        finally:
            self._stirred.set()
            await asyncio.wait({self._working})
            await self._log.finish()
            await self._resources.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _work(self) -> None:
        error: Exception | None = None
        try:
            while not self._life.ending and not self._log.failed.done():
                await self._step()
        except AgentOsError as failure:
            error = failure
        finally:
            if self._life.ending:
                await self._life.ended()
                error = None
            self._finish(error)

    async def _step(self) -> None:
        """Do what is to be done next, or wait for it."""
        life, queue = self._life, self._queue
        if life.process_ended:
            await life.recover()
        elif (turn := queue.begin()) is not None:
            await life.wake()
            await self._player.play(turn)
            queue.current = None
            await self._keep_files()
        elif self._needed:
            self._needed = False
            await life.wake()
        else:
            await self._wait()

    async def _wait(self) -> None:
        """Wait for something to do; an agent that waits too long may rest."""
        self._stirred.clear()
        patience = self._request.idle_timeout if self._life.awake.is_set() else None
        try:
            async with asyncio.timeout(patience):
                await self._stirred.wait()
        except TimeoutError:
            await self._life.rest()

    async def _keep_files(self) -> None:
        """Keep the agent's own files of the session, for another machine to go on with it."""
        from agentos.sessions.transcripts.kept_files import KeptFiles

        try:
            await KeptFiles(self.id).keep(self._starter.machine, self._life.opened.files)
        except (OSError, MachineError) as error:
            if not self._life.ending:
                self._hearing.warn(f"the agent's own files of the session were not kept: {error}")

    def _finish(self, error: Exception | None) -> None:
        """Leave nobody waiting, whatever the end was."""
        if self._log.failed.done():
            error = self._log.failed.result()
        self._queue.fail(error or self._has_ended())
        if not self._log.failed.done():
            self._log.close(error)

    async def _agent_awake(self) -> None:
        """Wait until the agent runs; wake it if it rests."""
        self._require_open()
        while not self._life.awake.is_set():
            self._needed = True
            self._stirred.set()
            waking = asyncio.ensure_future(self._life.awake.wait())
            either: set[asyncio.Future[Any]] = {waking, self._working}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
            self._require_open()

    def _require_open(self) -> None:
        if self.closed:
            raise self._has_ended()

    def _has_ended(self) -> SessionClosed:
        return SessionClosed(
            f"the session with {self.agent} has ended",
            hint="create a new session, or go on with this one by resume_session",
        )

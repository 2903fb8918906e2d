"""A session with an agent: prompts in, events out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from agentos.errors import AgentCrashed, AgentError, BudgetExceeded, ConfigInvalid, SessionClosed
from agentos.sessions.agent_life import AgentLife
from agentos.sessions.events import SessionEvent
from agentos.sessions.failures import described
from agentos.sessions.hearing import Hearing
from agentos.sessions.options import refused
from agentos.sessions.permissions import PermissionDesk
from agentos.sessions.playing import TurnPlayer
from agentos.sessions.turn import Turn, TurnUsage
from agentos.sessions.turn_queue import TurnQueue
from agentos.sessions.whole_characters import whole_characters
from agentos.sessions.work import SessionWork

if TYPE_CHECKING:
    from agentos.agents.machine import AgentMachine
    from agentos.models.budgets import Budget
    from agentos.sessions.log_of_session import OwnTranscript
    from agentos.sessions.model_choice import Grant
    from agentos.sessions.past import Past, Resumed
    from agentos.sessions.request import SessionRequest
    from agentos.sessions.starting import Started, Starter
    from agentos.sessions.tools.calls import ToolCalls


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
        tools: ToolCalls | None = None,
    ) -> None:
        log = transcript.log
        self.id = log.session_id
        self.agent = starter.definition.name
        self.grant: Grant | None = None
        self._request = request
        self._starter = starter
        self._resources = resources
        self._log = log
        self._transcript = transcript
        self._desk = PermissionDesk(request.permission, log, request.permission_timeout)
        self._hearing = Hearing(starter.definition, log, self._desk, started.opened.options)
        self._queue = TurnQueue(log, past)
        self._stirred = asyncio.Event()
        stir = self._stirred.set
        self._tools = tools
        if tools is not None:
            tools.report_to(log.append)
        self._life = AgentLife(starter, started, transcript, self._hearing, stir, request.mode)
        self._player = TurnPlayer(starter.definition, self._life, log, self._hearing)
        log.failed.add_done_callback(lambda _: stir())
        self._work = SessionWork(
            self._life,
            self._queue,
            self._player,
            log,
            self._hearing,
            self._stirred,
            request.idle_timeout,
        )
        self._work.running.add_done_callback(lambda _: self._end_tools())

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

    @property
    def machine(self) -> AgentMachine:
        """The machine that the agent works in."""
        return self._starter.machine

    def prompt(
        self, prompt: str | Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Turn:
        """Send a prompt; it is queued while another one runs.

        Args:
            prompt: Text, or ACP content blocks such as `{"type": "text", "text": ...}`.
            idempotency_key: Names the prompt: sent again with the same key, also after
                `resume_session`, it is not played again but its turn is returned, with the
                result or the error that it had. An error of an earlier process is an
                `AgentError` of the same code.

        Returns:
            The turn: await it for its result, or iterate over its events. Either raises
            `ModelFailed`, `BudgetExceeded`, `AgentCrashed`, `AgentError` or `MachineError` when
            it fails.

        Raises:
            SessionClosed: The session has ended.
            AgentOsError: (`idempotency_key_reused`) The key was used for another prompt.
        """
        self._require_open()
        blocks = [{"type": "text", "text": prompt}] if isinstance(prompt, str) else list(prompt)
        blocks = whole_characters(blocks)
        if idempotency_key and (known := self._queue.known(idempotency_key, blocks)):
            return known
        turn = self._queue.add(blocks, idempotency_key)
        self._stirred.set()
        return turn

    async def fork(self) -> Session:
        """Branch the session together with its machine.

        The new session's agent knows what was said so far, by its own fork if it has one, and
        works in a machine that starts with the files of this one: `session.machine`, which
        closes with the session. The running turn is waited for; queued prompts stay here.
        Commands that run are not part of the branch.

        Returns:
            The new session, which the caller closes; its record names this one as `parent`.

        Raises:
            SessionClosed: The session has ended.
            MachineError: The machine cannot be branched.
            AgentOsError: As for `create_session`.
        """
        from agentos.sessions.forking import fork

        self._require_open()
        async with self._work.busy:
            self._require_open()
            return await fork(self._starter, self._request, self._transcript)

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
            self._call_off_tools("the turn was cancelled")
        await self._player.stop(turn)

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
        await self._need_agent()
        await self._life.set_mode(mode)

    async def set_model(self, model: str) -> None:
        """Choose the model for the turns to come."""
        await self.set_option("model", model)

    async def set_option(self, option: str, value: str | bool) -> None:
        """Choose a value of one of `options`.

        Raises:
            AgentError: The agent refused it.
        """
        await self._need_agent()
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
        return self._life.ending or self._work.running.done()

    async def close(self) -> None:
        """End the agent with all that it started; safe to repeat."""
        self._desk.call_off()
        self._call_off_tools("the session was closed")
        async with AsyncExitStack() as ends:  # each of them, whatever happens before
            ends.push_async_callback(self._resources.aclose)
            ends.push_async_callback(self._log.finish)
            ends.push_async_callback(self._queue.recalled)
            ends.push_async_callback(self._work.end)
            ends.push_async_callback(self._life.end)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _need_agent(self) -> None:
        self._require_open()
        await self._work.need_agent()
        self._require_open()

    def _call_off_tools(self, why: str) -> None:
        if self._tools is not None:
            self._tools.call_off(why)

    def _end_tools(self) -> None:
        if self._tools is not None:
            self._tools.report_to(None)  # there is no log to write to any more
            self._tools.call_off("the session has ended")

    def _require_open(self) -> None:
        if self.closed:
            raise SessionClosed(
                f"the session with {self.agent} has ended",
                hint="create a new session, or go on with this one by resume_session",
            )

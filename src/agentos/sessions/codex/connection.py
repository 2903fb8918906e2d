"""The connection to `codex app-server`.

Compared with Codex's ACP adapter: no Node process, no hidden model call for a title, output
that streams, and credentials that live in Codex's memory alone (they travel in `thread/start`,
not in its environment or its files).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any, cast

from agentos.agents.codex_rollouts import rollouts_of
from agentos.agents.codex_versions import is_older, versions_tested
from agentos.agents.definition import Launch, McpServer
from agentos.agents.machine import AgentMachine, AgentProcess
from agentos.errors import AgentCrashed, AgentError, AuthenticationRequired
from agentos.sessions.agent_process import WatchedProcess
from agentos.sessions.codex import approvals
from agentos.sessions.codex.items import Items
from agentos.sessions.codex.mcp_servers import ServersStarting
from agentos.sessions.codex.messages import (
    ModelListResponse,
    ThreadForkParams,
    ThreadResumeParams,
    ThreadStartParams,
    ThreadStartResponse,
    Turn,
    TurnError,
    TurnStartParams,
)
from agentos.sessions.codex.notifications import Notifications, words_of
from agentos.sessions.codex.options import Choices
from agentos.sessions.codex.prompts import inputs_of
from agentos.sessions.codex.rpc import Rpc, RpcError, UnknownMethod
from agentos.sessions.codex.settings import overrides
from agentos.sessions.codex.usage import TokenCount
from agentos.sessions.connection import LINE_LIMIT, START_TIMEOUT, Ear, Listener, Opened
from agentos.sessions.failures import of_the_model
from agentos.sessions.transport import Lines

_CLOSE_TIMEOUT = 2.0
_STOP_REASONS = {"completed": "end_turn", "interrupted": "cancelled"}
_CAPABILITIES = {
    "loadSession": True,
    "promptCapabilities": {"image": True, "embeddedContext": True},
    "mcpCapabilities": {"http": True, "sse": False},
    "sessionCapabilities": {"resume": {}, "fork": {}, "close": {}},
}


class CodexConnection:
    """A Codex process, spoken to in its own protocol.

    Args:
        machine: Where it runs.
        process: The process, contained, with all three streams piped.
        name: The agent's name, for messages.
    """

    def __init__(self, machine: AgentMachine, process: AgentProcess, name: str) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("an agent's streams must be piped")
        self.machine = machine
        self.name = name
        self._ear = Ear()
        self._lines = Lines(process.stdin, process.stdout, self._on_garbage)
        self._rpc = Rpc(self._lines, self._on_notification, self._on_request)
        self._items = Items(self._ear.update, machine.read_text)
        self._tokens = TokenCount()
        self._servers = ServersStarting(self._ear.warn)
        self._notifications = Notifications(
            self._ear, self._items, self._tokens, self._servers, self._on_turn_completed
        )
        self._thread = ""
        self._turn: asyncio.Future[str] | None = None
        self._ended: asyncio.Future[Turn] | None = None
        self._choices = Choices("agent-full-access", "", None)
        self._reading = asyncio.create_task(self._rpc.run(), name=f"agentos {name} reader")
        self.process = WatchedProcess(process, name, self._lines.at_end, self._hang_up)
        self._hello: Mapping[str, Any] | None = None

    @classmethod
    async def start(cls, machine: AgentMachine, launch: Launch, name: str) -> CodexConnection:
        """Start Codex; the caller ends it with `end`."""
        process = await machine.spawn(
            launch.argv, cwd=launch.cwd, env=launch.env, limit=LINE_LIMIT, contain=True
        )
        return cls(machine, process, name)

    async def introduce(self) -> Mapping[str, Any]:
        """Introduce ourselves, once; `open` does it too."""
        if self._hello is None:
            client = {
                "name": "agentos",
                "title": "AgentOS",
                "version": metadata.version("agentos-vm"),
            }
            self._hello = await self._request("initialize", {"clientInfo": client})
            await self._rpc.notify("initialized")
        return self._hello

    async def open(
        self,
        launch: Launch,
        mcp_servers: Mapping[str, McpServer],
        resume: str | None = None,
        *,
        fork: bool = False,
    ) -> Opened:
        """Introduce ourselves and start a thread; see `AgentConnection.open`."""
        try:
            async with asyncio.timeout(START_TIMEOUT):
                with self._understanding():
                    hello = await self.introduce()
                    return await self._open(hello, launch, mcp_servers, resume, fork)
        except TimeoutError:
            raise AgentError(
                f"{self.name} did not answer within {START_TIMEOUT:g} s", code="agent_silent"
            ) from None

    async def _open(
        self,
        hello: Mapping[str, Any],
        launch: Launch,
        mcp_servers: Mapping[str, McpServer],
        resume: str | None,
        fork: bool,
    ) -> Opened:
        mode = launch.mode or "agent-full-access"
        self._choices.choose("mode", mode)
        if launch.authentication is not None:
            key = launch.env.get("CODEX_API_KEY") or launch.env.get("OPENAI_API_KEY", "")
            await self._request("account/login/start", {"type": "apiKey", "apiKey": key})
        self._servers.expect(mcp_servers)
        params: ThreadStartParams = {
            "cwd": launch.cwd,
            "approvalPolicy": self._choices.approval,
            "sandbox": "danger-full-access",
            "config": overrides(launch.config, mcp_servers),
        }
        if resume is None:
            answer = await self._request("thread/start", params)
        elif fork:
            branch: ThreadForkParams = {**params, "threadId": resume, "excludeTurns": True}
            answer = await self._request("thread/fork", branch)
        else:
            again: ThreadResumeParams = {**params, "threadId": resume, "excludeTurns": True}
            answer = await self._request("thread/resume", again)
        started = cast("ThreadStartResponse", answer)
        models = cast("ModelListResponse", await self._request("model/list", {}))
        self._thread = started["thread"]["id"]
        self._choices = Choices(
            mode, started["model"], started.get("reasoningEffort"), models["data"]
        )
        version = _version(str(hello.get("userAgent", "")))
        if is_older(version):
            self._ear.warn(f"Codex {version} may not work here: tested is {versions_tested()}")
        agent = {"name": self.name, "version": version}
        path = started["thread"].get("path")
        # Rollouts lie by year, month and day.
        every = rollouts_of(self._thread, str(PurePosixPath(path).parents[3])) if path else ()
        files = (path, *every[1:]) if path else ()
        return Opened(self._thread, _CAPABILITIES, self._choices.as_acp(), agent, files)

    def listen(self, listener: Listener) -> None:
        """Let somebody hear what Codex says; see `AgentConnection.listen`."""
        self._ear.listen(listener)

    async def prompt(self, session_id: str, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Start a turn and wait for its end; see `AgentConnection.prompt`."""
        loop = asyncio.get_running_loop()
        self._turn, self._ended = loop.create_future(), loop.create_future()
        self._tokens.begin_turn()
        try:
            await self._servers.wait(self.process.ended)
            params: TurnStartParams = {
                "threadId": session_id,
                "input": inputs_of(blocks),
                "approvalPolicy": self._choices.approval,
                "model": self._choices.model,
                "effort": self._choices.effort,
            }
            with self._understanding():
                started = await self._request("turn/start", params)
                self._turn.set_result(started["turn"]["id"])
                return self._result(await self._answered(self._ended))
        finally:
            self._turn.cancel()
            self._turn = self._ended = None
            self._items.forget()

    async def cancel(self, session_id: str) -> None:
        """Interrupt the running turn, if there is one."""
        if self._turn is None:
            return
        try:
            turn_id = await asyncio.shield(self._turn)
            await self._request("turn/interrupt", {"threadId": session_id, "turnId": turn_id})
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise  # else the turn ended before Codex named it
        except AgentCrashed:
            raise
        except AgentError:
            pass  # the turn has just ended

    async def set_mode(self, session_id: str, mode: str) -> None:
        """Choose when Codex asks, from the next turn on."""
        await self.set_option(session_id, "mode", mode)

    async def set_option(
        self, session_id: str, option: str, value: str | bool
    ) -> Sequence[Mapping[str, Any]]:
        """Choose a value for the turns to come; return all options."""
        del session_id
        self._choices.choose(option, value)
        self._ear.update(
            {"sessionUpdate": "config_option_update", "configOptions": self._choices.as_acp()}
        )
        return self._choices.as_acp()

    async def end(self, opened: Opened | None = None) -> None:
        """End Codex with all that it started; see `AgentConnection.end`."""
        try:
            await self._lines.close()
            if opened and not self.process.ended.done():
                # It writes down what it knows and goes.
                await asyncio.wait({self.process.ended}, timeout=_CLOSE_TIMEOUT)
        finally:
            await self.process.kill()
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return await self._rpc.request(method, params)
        except RpcError as error:
            raise AgentError(f"{self.name} refused {method}: {error.message}") from error
        except ConnectionError:
            await self.process.wait_for_end()
            raise self.process.crash() from None

    def _result(self, turn: Turn) -> dict[str, Any]:
        if turn["status"] == "failed":
            raise self._failure(turn.get("error"))
        return {"stopReason": _STOP_REASONS[turn["status"]], "usage": self._tokens.of_turn}

    async def _answered(self, ended: asyncio.Future[Turn]) -> Turn:
        either: set[asyncio.Future[Any]] = {ended, self.process.ended, self._reading}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await self.process.wait_for_end()  # it says no more
            raise self.process.crash()
        return ended.result()

    @contextlib.contextmanager
    def _understanding(self) -> Iterator[None]:
        """Say whose fault it is when an answer lacks what it has in the Codex that is tested."""
        try:
            yield
        except (KeyError, TypeError, AttributeError) as error:
            raise AgentError(
                f"{self.name} and AgentOS do not understand each other: {error!r}",
                code="protocol_violated",
                hint=f"tested is {versions_tested()}",
            ) from error

    def _failure(self, error: TurnError | None) -> Exception:
        words = words_of(error) if error else "the turn failed"
        if error and (error.get("codexErrorInfo") == "unauthorized" or "status 401" in words):
            return AuthenticationRequired(f"{self.name}: {words}")
        return of_the_model(self.name, words)

    async def _on_notification(self, method: str, params: Mapping[str, Any]) -> None:
        thread = params.get("threadId") or self._thread
        if self._thread and thread != self._thread:
            return  # of another agent that this one started
        try:
            await self._notifications.hear(method, params)
        except (KeyError, TypeError, AttributeError) as error:
            self._on_garbage(f"its message {method} lacks something: {error!r}")

    def _on_turn_completed(self, turn: Turn) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(turn)

    async def _on_request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if method not in (approvals.COMMAND, approvals.FILES, approvals.ELICITATION):
            self._ear.warn(f"{self.name} asked for {method}, which AgentOS does not offer")
            raise UnknownMethod(method)
        answer = None
        if (listener := self._ear.listener) is not None:
            call = approvals.call_of(method, params, self._items.calls)
            answer = await listener.on_permission(call, approvals.options_of(method, params))
        return approvals.response(method, params, answer)

    def _on_garbage(self, message: str) -> None:
        self._ear.garbage(f"{self.name}: {message}")

    async def _hang_up(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self._lines.close()


def _version(user_agent: str) -> str:
    return user_agent.partition("/")[2].partition(" ")[0]

"""The connection to an agent's process: ACP requests, updates, and its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, TypeVar, cast

import acp
from acp.schema import (
    AllowedOutcome,
    AuthCapabilities,
    ClientCapabilities,
    DeniedOutcome,
    ForkSessionResponse,
    Implementation,
    RequestPermissionResponse,
)
from pydantic import BaseModel, ValidationError

from agentos.agents.definition import Launch, McpServer
from agentos.agents.machine import AgentMachine, AgentProcess
from agentos.errors import AgentError, AuthenticationRequired, MachineError
from agentos.sessions.agent_process import WatchedProcess
from agentos.sessions.connection import LINE_LIMIT, START_TIMEOUT, Ear, Listener, Opened
from agentos.sessions.mcp import as_acp
from agentos.sessions.permissions import Answer, PermissionOption
from agentos.sessions.transport import AcpTransport

T = TypeVar("T")

_CLOSE_TIMEOUT = 2.0
_AUTHENTICATION_REQUIRED = -32000


class AcpConnection:
    """An agent's process and the ACP connection to it.

    Args:
        machine: Where it runs.
        process: The process, contained, with all three streams piped.
        name: The agent's name, for messages.
    """

    def __init__(self, machine: AgentMachine, process: AgentProcess, name: str) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise ValueError("an agent's streams must be piped")
        self.machine = machine
        self.name = name
        self._ear = Ear()
        self._hello: Mapping[str, Any] | None = None
        self._preface: str | None = None
        self._transport = AcpTransport(
            process.stdin, process.stdout, self._on_notification, self._on_garbage
        )
        client = cast("acp.Client", _Client(self))
        self._acp = acp.connect_to_agent(client, self._transport, use_unstable_protocol=True)
        self.process = WatchedProcess(process, name, self._transport.at_end, self._acp.close)

    @classmethod
    async def start(cls, machine: AgentMachine, launch: Launch, name: str) -> AcpConnection:
        """Start an agent; the caller ends it with `end`."""
        process = await machine.spawn(
            launch.argv, cwd=launch.cwd, env=launch.env, limit=LINE_LIMIT, contain=True
        )
        return cls(machine, process, name)

    async def open(
        self,
        launch: Launch,
        mcp_servers: Mapping[str, McpServer],
        resume: str | None = None,
        *,
        fork: bool = False,
    ) -> Opened:
        """Introduce ourselves, log in if need be, and make the session.

        Raises:
            AuthenticationRequired: The agent's credentials do not do.
            AgentError: It refused, or did not answer.
            AgentCrashed: It ended.
        """
        try:
            async with asyncio.timeout(START_TIMEOUT):
                return await self._open(launch, mcp_servers, resume, fork)
        except TimeoutError:
            raise AgentError(
                f"{self.name} did not answer within {START_TIMEOUT:g} s", code="agent_silent"
            ) from None

    async def introduce(self) -> Mapping[str, Any]:
        """Introduce ourselves, once; `open` does it if nobody did."""
        if self._hello is None:
            hello = self._acp.initialize(
                protocol_version=acp.PROTOCOL_VERSION,
                client_capabilities=ClientCapabilities(
                    auth=AuthCapabilities(field_meta={"gateway": True})
                ),
                client_info=Implementation(name="agentos", version=version("agentos-vm")),
            )
            self._hello = _plain(await self._call(hello))
        return self._hello

    async def _open(
        self,
        launch: Launch,
        mcp_servers: Mapping[str, McpServer],
        resume: str | None,
        fork: bool,
    ) -> Opened:
        said = await self.introduce()
        login = launch.authentication
        if login is not None:
            await self._call(self._acp.authenticate(login.method, **login.meta))
        servers: list[Any] = [as_acp(name, server) for name, server in mcp_servers.items()]
        if resume is None:
            made: Any = await self._call(
                self._acp.new_session(cwd=launch.cwd, mcp_servers=servers, **launch.session_meta)
            )
            id = made.session_id
            self._preface = launch.preface
        elif fork:
            made = await self._fork(launch.cwd, servers, resume)
            id = made.session_id
        else:
            made, id = await self._resume(launch.cwd, servers, resume), resume
        options: Sequence[Mapping[str, Any]] = _plain(made).get("configOptions", [])
        if launch.model and any(option.get("id") == "model" for option in options):
            options = await self.set_option(id, "model", launch.model)
        return Opened(
            id,
            said.get("agentCapabilities", {}),
            options,
            said.get("agentInfo", {}),
            [_file_of(pattern, id) for pattern in launch.session_files],
        )

    async def _fork(self, cwd: str, servers: list[Any], session_id: str) -> ForkSessionResponse:
        capabilities = (await self.introduce()).get("agentCapabilities", {})
        if (capabilities.get("sessionCapabilities") or {}).get("fork") is None:
            raise AgentError(f"{self.name} cannot fork a session", code="cannot_fork")
        return await self._call(
            self._acp.fork_session(cwd=cwd, session_id=session_id, mcp_servers=servers)
        )

    async def _resume(self, cwd: str, servers: list[Any], session_id: str) -> BaseModel | None:
        """Go on with a session in one of the two ways that ACP has."""
        capabilities = (await self.introduce()).get("agentCapabilities", {})
        sessions = capabilities.get("sessionCapabilities") or {}
        if sessions.get("resume") is not None:
            resumed: BaseModel | None = await self._call(
                self._acp.resume_session(cwd=cwd, session_id=session_id, mcp_servers=servers)
            )
            return resumed
        if not capabilities.get("loadSession"):
            raise AgentError(f"{self.name} cannot go on with a session", code="cannot_resume")
        loaded: BaseModel | None = await self._call(
            self._acp.load_session(cwd=cwd, session_id=session_id, mcp_servers=servers)
        )
        self._ear.forget()  # it has told the past again, which the transcript has already
        return loaded

    def listen(self, listener: Listener) -> None:
        """Let somebody hear what the agent says from now on, and what it has said so far."""
        self._ear.listen(listener)

    async def prompt(self, session_id: str, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Send a prompt and wait for the end of its turn."""
        prompt: list[Any] = list(blocks)
        if self._preface is not None:
            prompt.insert(0, {"type": "text", "text": self._preface})
            self._preface = None
        return _plain(await self._call(self._acp.prompt(session_id=session_id, prompt=prompt)))

    async def cancel(self, session_id: str) -> None:
        """Tell the agent to stop; it answers by ending its turn."""
        await self._call(self._acp.cancel(session_id=session_id))

    async def set_mode(self, session_id: str, mode: str) -> None:
        """Choose one of the agent's modes."""
        await self._call(self._acp.set_session_mode(session_id=session_id, mode_id=mode))

    async def set_option(
        self, session_id: str, option: str, value: str | bool
    ) -> Sequence[Mapping[str, Any]]:
        """Choose a value of one of the agent's options; return all options."""
        answer = await self._call(
            self._acp.set_config_option(config_id=option, session_id=session_id, value=value)
        )
        options: Sequence[Mapping[str, Any]] = _plain(answer).get("configOptions", [])
        return options

    async def end(self, opened: Opened | None = None) -> None:
        """End the agent with all that it started; safe to repeat.

        Args:
            opened: Its session, which is closed first, so that the agent can write down
                what it wants to keep.
        """
        try:
            if opened and not self.process.ended.done() and _can_close(opened):
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self._call(self._acp.close_session(opened.session_id))
        except (AgentError, MachineError, TimeoutError):
            pass  # it is killed next
        finally:
            await self._transport.close()
            await self.process.kill()

    async def _call(self, request: Awaitable[T]) -> T:
        """Wait for an answer and speak of failures in our own words."""
        try:
            return await request
        except acp.RequestError as error:
            said = _words(error)
            if error.code == _AUTHENTICATION_REQUIRED:
                raise AuthenticationRequired(f"{self.name}: {said}") from error
            raise AgentError(f"{self.name} refused: {said}") from error
        except ValidationError as error:
            raise AgentError(
                f"{self.name} and AgentOS do not understand each other: {error}",
                code="protocol_violated",
            ) from error
        except ConnectionError:
            await self.process.wait_for_end()
            raise self.process.crash() from None

    def _on_notification(self, method: str, params: Mapping[str, Any]) -> None:
        if method != "session/update":
            return  # an extension of the agent, for clients that know it
        update = params.get("update")
        if isinstance(update, dict):
            self._ear.update(update)
        else:
            self._on_garbage(f"it sent an update without content: {params}")

    def _on_garbage(self, message: str) -> None:
        self._ear.garbage(f"{self.name}: {message}")

    async def answer(
        self, tool_call: Mapping[str, Any], options: Sequence[PermissionOption]
    ) -> Answer:
        """Let the listener answer a permission request."""
        if self._ear.listener is None:
            return None
        return await self._ear.listener.on_permission(tool_call, options)


class _Client:
    """The requests that an agent may make of us; it was told that there are no others."""

    def __init__(self, connection: AcpConnection) -> None:
        self._connection = connection

    async def request_permission(
        self, session_id: str, tool_call: BaseModel, options: list[Any], **_: Any
    ) -> RequestPermissionResponse:
        del session_id
        offered = [PermissionOption(o.option_id, o.name, o.kind) for o in options]
        chosen = await self._connection.answer(_plain(tool_call), offered)
        if chosen is None:
            return RequestPermissionResponse(outcome=DeniedOutcome(outcome="cancelled"))
        return RequestPermissionResponse(
            outcome=AllowedOutcome(outcome="selected", option_id=chosen)
        )


def _file_of(pattern: str, session_id: str) -> str:
    """Fill in the id of a session, or with `{session:8}` so many characters of it."""
    return re.sub(
        r"\{session(?::(\d+))?\}", lambda m: session_id[: int(m[1]) if m[1] else None], pattern
    )


def _can_close(opened: Opened) -> bool:
    sessions = opened.capabilities.get("sessionCapabilities") or {}
    return sessions.get("close") is not None


def _plain(model: BaseModel | None) -> dict[str, Any]:
    if model is None:
        return {}
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _words(error: acp.RequestError) -> str:
    data = error.data
    details = data.get("details") or data.get("message") if isinstance(data, dict) else data
    return (
        f"{error}: {details}" if isinstance(details, str) and details != str(error) else f"{error}"
    )

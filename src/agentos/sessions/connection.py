"""What a session needs of an agent, whatever protocol the agent speaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agentos.agents.definition import Launch, McpServer
from agentos.agents.machine import AgentMachine
from agentos.sessions.agent_process import WatchedProcess
from agentos.sessions.permissions import Answer, PermissionOption

#: Bytes of the longest line that an agent may write.
LINE_LIMIT = 50 * 2**20
#: Seconds in which an agent must have made a session.
START_TIMEOUT = 60.0


@dataclass(frozen=True)
class Opened:
    """What the agent said when the session was made, in ACP's words.

    Attributes:
        files: Where in the machine the agent keeps the session, as far as it says: absolute
            paths, in which `*` stands for a part of a name.
    """

    session_id: str
    capabilities: Mapping[str, Any]
    options: Sequence[Mapping[str, Any]]
    agent: Mapping[str, Any]
    files: Sequence[str] = ()


class Listener(Protocol):
    """Who hears what an agent says."""

    def on_update(self, update: Mapping[str, Any]) -> None:
        """Hear an update, in ACP's words."""

    def on_garbage(self, message: str) -> None:
        """Hear of something that could not be read."""

    def warn(self, message: str) -> None:
        """Hear a warning of the agent's own."""

    async def on_permission(
        self, tool_call: Mapping[str, Any], options: Sequence[PermissionOption]
    ) -> Answer:
        """Answer a permission request with an option's id, or None to call it off."""


class AgentConnection(Protocol):
    """An agent's process and the conversation with it."""

    @property
    def machine(self) -> AgentMachine: ...
    @property
    def name(self) -> str: ...
    @property
    def process(self) -> WatchedProcess: ...

    async def introduce(self) -> object:
        """Introduce ourselves, once; `open` does it if nobody did.

        Raises:
            AgentError: It refused.
            AgentCrashed: It ended.
        """

    async def open(
        self,
        launch: Launch,
        mcp_servers: Mapping[str, McpServer],
        resume: str | None = None,
        *,
        fork: bool = False,
    ) -> Opened:
        """Introduce ourselves, log in if need be, and make the session.

        Args:
            launch: How the agent was started.
            mcp_servers: MCP servers for this session.
            resume: The agent's own id of a session to go on with, instead of a new one.
            fork: Go on with a branch of it, of another id.

        Raises:
            AuthenticationRequired: The agent's credentials do not do.
            AgentError: It refused, or did not answer.
            AgentCrashed: It ended.
        """

    def listen(self, listener: Listener) -> None:
        """Let somebody hear what the agent says from now on, and what it has said so far."""

    async def prompt(self, session_id: str, blocks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Send a prompt and wait for the end of its turn: its `stopReason` and `usage`."""

    async def cancel(self, session_id: str) -> None:
        """Tell the agent to stop; it answers by ending its turn."""

    async def set_mode(self, session_id: str, mode: str) -> None:
        """Choose one of the agent's modes."""

    async def set_option(
        self, session_id: str, option: str, value: str | bool
    ) -> Sequence[Mapping[str, Any]]:
        """Choose a value of one of the agent's options; return all options."""

    async def end(self, opened: Opened | None = None) -> None:
        """End the agent with all that it started; safe to repeat.

        Args:
            opened: Its session, which is closed first, so that the agent can write down
                what it wants to keep.
        """


class Ear:
    """Keeps what an agent says until somebody listens."""

    def __init__(self) -> None:
        self.listener: Listener | None = None
        self._unheard: list[tuple[str, Any]] = []

    def listen(self, listener: Listener) -> None:
        """Hand over what was said so far, and from now on."""
        self.listener = listener
        for kind, said in self._unheard:
            getattr(listener, kind)(said)
        self._unheard.clear()

    def forget(self) -> None:
        """Drop what was said and not heard."""
        self._unheard.clear()

    def update(self, update: Mapping[str, Any]) -> None:
        """Pass on an update."""
        self._pass_on("on_update", update)

    def garbage(self, message: str) -> None:
        """Pass on that something could not be read."""
        self._pass_on("on_garbage", message)

    def warn(self, message: str) -> None:
        """Pass on a warning."""
        self._pass_on("warn", message)

    def _pass_on(self, kind: str, said: Any) -> None:
        if self.listener is None:
            self._unheard.append((kind, said))
        else:
            getattr(self.listener, kind)(said)

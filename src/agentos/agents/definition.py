"""What an agent is: how it is started, where it finds its model, how to read it."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid, NetworkDenied

HOST_LOOPBACK = "host.agentos.internal"
_INTERNAL = ".agentos.internal"


@dataclass(frozen=True)
class McpServer:
    """An MCP server for one session: a command in the machine, or a URL.

    Args:
        command: The program to start inside the machine; it speaks MCP on stdio.
        args: Its arguments.
        env: Its environment, beside the agent's basic one.
        url: Where a server answers over streamable HTTP, instead of a command.
        headers: Sent with each request to `url`.
        timeout: Seconds that a call of its tools may take, where the agent can be told; else,
            and by default, the agent decides.

    Raises:
        ConfigInvalid: Neither or both of `command` and `url` are given.

    Example:
        `McpServer(url="https://mcp.example.com/mcp", headers={"Authorization": f"Bearer {token}"})`
    """

    command: str | None = None
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float | None = None

    def __post_init__(self) -> None:
        if (self.command is None) == (self.url is None):
            raise ConfigInvalid(
                "an MCP server has either a command or a url", hint="give McpServer one of the two"
            )


@dataclass(frozen=True)
class Endpoint:
    """A host and port that an agent needs.

    Args:
        host: A name or an address, as seen from inside the machine.
        port: A TCP port.
        granted: Whether the caller named it for this session, so that the machine's policy
            is extended by it; otherwise the policy must allow it already.
    """

    host: str
    port: int
    granted: bool = False

    @classmethod
    def of(cls, url: str, *, granted: bool = False) -> Endpoint:
        """Take host and port from a URL.

        Raises:
            ConfigInvalid: It is not an HTTP URL.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            raise ConfigInvalid(f"{url!r} is not an HTTP URL", hint="write https://host/path")
        return cls(host, port or (443 if parts.scheme == "https" else 80), granted)

    @property
    def entry(self) -> str:
        """The line of a `NetworkPolicy` that allows it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_inside(self) -> bool:
        """Whether it is the machine's own loopback or one of AgentOS's routed names."""
        return is_loopback(self.host) or (
            self.host.endswith(_INTERNAL) and self.host != HOST_LOOPBACK
        )

    def reachable(self, machine: AgentMachine) -> bool:
        """Whether the machine's policy lets it through."""
        return self.is_inside or bool(machine.network.policy.allows(self.host, self.port))

    async def open(self, machine: AgentMachine, what: str) -> None:
        """Let the machine reach it if the caller granted that.

        Args:
            machine: The machine.
            what: What it is for, for the message.

        Raises:
            NetworkDenied: The policy forbids it.
        """
        unsaid = machine.network.policy.match(self.host, self.port) is None
        if self.granted and unsaid and not self.is_inside:
            await machine.network.allow(self.entry)  # what a rule denies stays denied
        if not self.reachable(machine):
            raise NetworkDenied(
                f"the machine's network policy does not let it reach {what} at {self.entry}",
                hint=f'NetworkPolicy(allow=["{self.entry}"])',
            )


def is_loopback(host: str) -> bool:
    """Tell whether a host is the loopback of whoever says it."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True)
class ModelAccess:
    """A model provider as the machine reaches it."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    endpoint: Endpoint | None = None


@dataclass(frozen=True)
class AgentRequest:
    """What a caller asks of a new session.

    `asks` says whether anybody is asked for permission; else everything is allowed.
    `command_env` is for the commands that the agent runs, over anything of `env`.
    """

    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    model: str | None = None
    instructions: str | None = None
    provider: ModelAccess | None = None
    mcp_servers: Mapping[str, McpServer] = field(default_factory=dict)
    asks: bool = False
    command_env: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Authentication:
    """An ACP `authenticate` call: the method's id, and its `_meta`."""

    method: str
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Launch:
    """How to start an agent.

    Args:
        argv: The command that speaks ACP on stdio.
        env: Added to the machine's environment.
        cwd: Where the session works.
        authentication: How to log in before the session is made, if needed.
        endpoints: What the model provider needs of the network.
        warnings: What the caller should know, in sentences.
        driver: What the command speaks: ACP, or the protocol of Codex's app-server.
        config: Settings of the session, for drivers that pass them on (Codex).
        mode: The agent's mode to begin with; None for its own choice.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    cwd: str
    authentication: Authentication | None = None
    endpoints: Sequence[Endpoint] = ()
    warnings: Sequence[str] = ()
    driver: Literal["acp", "codex"] = "acp"
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    mode: str | None = None


class AgentDefinition(ABC):
    """An agent that can be started in a machine.

    Attributes:
        name: What callers ask for.
        software: The packages it needs, by their names in the software catalog.
    """

    name: str
    software: Sequence[str] = ()

    @abstractmethod
    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        """Work out how to start it in a machine.

        Raises:
            AuthenticationRequired: It would have no credentials.
            ConfigInvalid: Its configuration in the machine cannot be read.
            NetworkDenied: The policy forbids its model provider.
        """

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        """Tell whether it would find credentials for a model by itself.

        Raises:
            ConfigInvalid: Its configuration in the machine cannot be read.
        """
        del machine, request
        return False

    def waiting(self, machine: AgentMachine) -> Launch | None:
        """Return how to start it before its session is known; None if it must know."""
        del machine
        return None

    def joined(self, launch: Launch, missing: Mapping[str, str]) -> Launch | None:
        """Fit a launch to a process that was started by `waiting`.

        Args:
            launch: What `prepare` made of the caller's request.
            missing: Variables that the process does not have.

        Returns:
            The launch with these passed on in another way; None if that cannot be.
        """
        del missing
        return launch

    def notice(self, update: Mapping[str, Any]) -> str | None:
        """Return the agent's own remark if an update holds one that poses as the model's."""
        del update
        return None

    def failure(self, updates: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the agent's words if the updates of a turn say that its model failed."""
        del updates
        return None

"""What an agent is: how it is started, where it finds its model, how to read it."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from agentos.agents.guidance import Guidance
from agentos.agents.machine import AgentMachine
from agentos.agents.profile import Profile
from agentos.agents.provisions import Provisions
from agentos.errors import ConfigInvalid, NetworkDenied

if TYPE_CHECKING:
    from agentos.software.catalog import Package

#: A package by its name in the software catalog, or one that the catalog does not have.
Software: TypeAlias = "str | Package"

HOST_LOOPBACK = "host.agentos.internal"
_INTERNAL = ".agentos.internal"
_SOFTWARE = "/opt/agentos"


def installed_at(name: str) -> str:
    """Return where a machine sees a package of the software catalog, at its pinned version."""
    from agentos.software.catalog import resolve

    return place_of(resolve(name))


def place_of(package: Package) -> str:
    """Return where a machine sees a package."""
    return f"{_SOFTWARE}/{package.name}/{package.version}"


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


def from_inside(url: str) -> str:
    """Rewrite a URL of the host's loopback to the name it has inside the machine.

    Example:
        `http://127.0.0.1:8080/v1` becomes `http://host.agentos.internal:8080/v1`.
    """
    endpoint = Endpoint.of(url)
    if not is_loopback(endpoint.host):
        return url
    return urlunsplit(urlsplit(url)._replace(netloc=f"{HOST_LOOPBACK}:{endpoint.port}"))


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
    guidance: Guidance = field(default_factory=Guidance)
    profile: Profile | None = None
    command_env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def booked_under(self) -> str | None:
        """The profile's name, if there is one."""
        return None if self.profile is None else self.profile.name


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
        model: The model to choose among those that an ACP agent announces; None for its own.
        session_meta: What ACP's `session/new` carries as `_meta`.
        session_files: Where an ACP agent keeps a session: patterns of absolute paths, in which `*`
            stands for a part of a name, `{session}` for the agent's own id of the session, and
            `{session:8}` for its first 8 characters. A file that only grows ends with `.jsonl`.
            What follows a `#` are words that a file has to have near its beginning.
        preface: What an ACP agent is told before the first prompt, for agents that have no
            other way to take instructions.
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
    model: str | None = None
    session_meta: Mapping[str, Any] = field(default_factory=dict)
    session_files: Sequence[str] = ()
    preface: str | None = None


class AgentDefinition(ABC):
    """An agent that can be started in a machine.

    Attributes:
        name: What callers ask for.
        software: The packages it needs.
        description: One line for people.
        credentials: Variables with a key that it would use by itself.
        config_variable: The variable in which it takes settings as a JSON object, if any.
    """

    name: str
    software: Sequence[Software] = ()
    description: str = ""
    credentials: Sequence[str] = ()
    config_variable: str | None = None

    @abstractmethod
    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        """Work out how to start it in a machine.

        Raises:
            AuthenticationRequired: It would have no credentials.
            ConfigInvalid: Its configuration in the machine cannot be read.
            NetworkDenied: The policy forbids its model provider.
        """

    async def place(self, machine: AgentMachine, request: AgentRequest) -> Provisions | None:
        """Work out what to write where the agent reads it: skills, instructions, a profile.

        Raises:
            ConfigInvalid: It reads nothing of the kind.
        """
        del machine
        if not request.guidance.is_empty or (request.profile and request.profile.text):
            raise ConfigInvalid(
                f"{self.name} has no place for skills, instructions, memories or a profile's file",
                hint="use instructions= and model=",
            )
        return None

    async def profile(
        self, machine: AgentMachine, request: AgentRequest
    ) -> Mapping[str, Any] | None:
        """Return the settings of the profile that a request names; None if it has no file.

        Raises:
            ConfigInvalid: The file cannot be read.
        """
        del machine, request
        return None

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

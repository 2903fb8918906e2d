"""The hub for a session in a machine: what it may do there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from agentos.errors import ConfigInvalid
from agentos.hub.scopes import Scope, parse_scopes

if TYPE_CHECKING:
    from agentos.agents.definition import AgentRequest
    from agentos.agents.machine import AgentMachine
    from agentos.machine.machine import AgentOs
    from agentos.sessions.companion import Companion

#: The name of the hub among the agent's MCP servers.
SERVER = "agentos"
#: What a session may that asks for no more: nothing of it changes anything on the host.
USUAL = (
    Scope.PORTFOLIO_READ,
    Scope.PORTFOLIO_PROPOSE,
    Scope.FS_READ,
    Scope.FS_WRITE,
    Scope.TELEMETRY_WRITE,
)


@dataclass(frozen=True)
class HubAccess:
    """The hub's MCP server for one session, as `create_session(hub=HubAccess(...))` takes it.

    Its token opens nothing else, and ends with the session. The file tools work on the machine's
    files. What `git:...` and `ext:run` allow happens on the host, in what `agentos.toml` registers.

    Args:
        scopes: What the session may do, such as `["portfolio:read", "git:commit"]`.
        host_roots: Let the file tools work on the host's roots instead of the machine's files.

    Raises:
        ConfigInvalid: There is no such scope.
    """

    scopes: Collection[str] = USUAL
    host_roots: bool = False

    def __post_init__(self) -> None:
        parse_scopes(",".join(self.scopes))

    @classmethod
    def of(cls, said: Companion | bool | Collection[str]) -> Companion | None:
        """Understand `hub=`: True, scopes, or an access; None for False.

        Raises:
            ConfigInvalid: There is no such scope.
        """
        if isinstance(said, bool):
            return cls() if said else None
        if isinstance(said, Collection):
            return cls((said,) if isinstance(said, str) else tuple(said))
        return said

    @asynccontextmanager
    async def beside(
        self, machine: AgentMachine, request: AgentRequest
    ) -> AsyncIterator[AgentRequest]:
        """Serve the hub to a session; the request that this yields has it among its MCP servers.

        Raises:
            ConfigInvalid: There is an MCP server of the same name, or `agentos.toml` is not valid.
        """
        from agentos.hub.in_machine import hub_server

        if SERVER in request.mcp_servers:
            raise ConfigInvalid(
                f"mcp_servers= has a server {SERVER!r}, which is the name of that for hub=",
                hint="give it another name",
            )
        async with hub_server(cast("AgentOs", machine), request.cwd, self) as added:
            yield added.to(request)

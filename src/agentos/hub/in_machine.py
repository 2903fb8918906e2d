"""The hub as a session in a machine reaches it: served by the process that owns the machine.

It is the hub's own MCP server on the same services, so it needs no hub that runs. Only the files
are others, those of the machine, and only this process can answer for them.
"""

from __future__ import annotations

import asyncio
import hmac
import importlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos.agents.definition import AgentRequest, McpServer
from agentos.config import home_dir, state_dir
from agentos.hub.access import SERVER, HubAccess
from agentos.hub.holding import held
from agentos.hub.scopes import Principal, parse_scopes
from agentos.models.listener import Listener
from agentos.sessions.model_route import routed

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs

NAME = "hub.agentos.internal"
_PATH = "/mcp"


@dataclass(frozen=True)
class AddedServer:
    """The hub among an agent's MCP servers."""

    server: McpServer

    def to(self, request: AgentRequest) -> AgentRequest:
        """Add it."""
        return replace(request, mcp_servers={**request.mcp_servers, SERVER: self.server})


@asynccontextmanager
async def hub_server(vm: AgentOs, cwd: str | None, access: HubAccess) -> AsyncIterator[AddedServer]:
    """Serve the hub to one session of a machine.

    Args:
        vm: The machine.
        cwd: Where the session works.
        access: What it may do.

    Raises:
        ConfigInvalid: `agentos.toml` is not valid.
        StoreError: What it does cannot be recorded.
    """
    token = secrets.token_urlsafe(32)
    session = f"{vm.name}/{secrets.token_hex(4)}"
    scopes = parse_scopes(",".join(access.scopes))
    principal = Principal(f"session in {vm.name}", scopes, session)
    async with held(_endpoint(vm, cwd, access)) as endpoint:
        listener = Listener(_OneSession(endpoint, token, principal))
        try:
            place = ("127.0.0.1", await listener.start())
            async with routed(vm, place, NAME) as url:
                headers = {"Authorization": f"Bearer {token}"}
                yield AddedServer(McpServer(url=f"{url}{_PATH}", headers=headers))
        finally:
            await listener.close()


class _OneSession:
    """An ASGI application before the endpoint: it lets the holder of one token in."""

    def __init__(self, endpoint: ASGIApp, token: str, principal: Principal) -> None:
        self._endpoint = endpoint
        self._expected = f"Bearer {token}".encode()
        self._principal = principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        shown = Headers(scope=scope).get("authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(shown, self._expected):
            await _refuse(401, "token_unknown", "this is not the session's token")(
                scope, receive, send
            )
        elif scope["path"] != _PATH:
            await _refuse(404, "not_found", f"the hub is at {_PATH}")(scope, receive, send)
        else:
            scope.setdefault("state", {})["principal"] = self._principal
            await self._endpoint(scope, receive, send)


def _refuse(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message, "hint": None}}, status)


@asynccontextmanager
async def _endpoint(vm: AgentOs, cwd: str | None, access: HubAccess) -> AsyncIterator[ASGIApp]:
    # The imports take a second, in which other sessions go on.
    await asyncio.to_thread(importlib.import_module, "agentos.hub.mcp.part")
    from agentos.home.projects import ActiveProjects
    from agentos.hub.files.files import MachineFiles
    from agentos.hub.mcp.changes import PortfolioChanges, tell_changes
    from agentos.hub.mcp.endpoint import McpEndpoint
    from agentos.hub.mcp.host_services import HostServices
    from agentos.hub.mcp.resources import PortfolioResources
    from agentos.hub.mcp.server import HubServer
    from agentos.hub.mcp.tools import hub_tools
    from agentos.hub.settings import load_hub_settings
    from agentos.hub.telemetry.telemetry import Telemetry
    from agentos.store import Store

    settings, home, state = load_hub_settings(), home_dir(), state_dir()
    projects = ActiveProjects(settings.projects, state)
    host = HostServices(settings, home, state, projects)
    store = await Store.open()
    try:
        async with Telemetry(store, settings, projects=projects) as telemetry:
            services = host.services(telemetry.record)
            if not access.host_roots:
                files = MachineFiles(vm, _workspace(vm, cwd))
                services = replace(services, files=lambda: files)
            changes = PortfolioChanges()
            resources = PortfolioResources(services)
            server = HubServer(hub_tools(services), resources, changes, services.record)
            endpoint = McpEndpoint(
                server,
                changes,
                hosts=(NAME, f"{NAME}:*"),
                origins=(),
                most_bytes=settings.max_body_bytes,
            )
            async with endpoint.serving(), tell_changes(host, changes):
                yield endpoint
    finally:
        host.close()
        await asyncio.shield(store.close())


def _workspace(vm: AgentOs, cwd: str | None) -> tuple[str, ...]:
    """Where paths start: the session's directory, and the home."""
    home = vm.environment()["HOME"]
    if cwd is None:
        return (home,)
    place = cwd if cwd.startswith("/") else f"{home}/{cwd}"
    return (place, home)

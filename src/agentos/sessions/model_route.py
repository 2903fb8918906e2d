"""Lead a machine to a model provider, or another server, on the host."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from agentos.agents.definition import Endpoint, ModelAccess
from agentos.agents.machine import AgentMachine
from agentos.errors import MachineError
from agentos.models.provider import ModelProvider

MODELS = "models.agentos.internal"
_PORT = 80


@dataclass
class _Route:
    target: tuple[str, int]
    sessions: int = 0


_routes: weakref.WeakKeyDictionary[AgentMachine, dict[tuple[str, int], _Route]] = (
    weakref.WeakKeyDictionary()
)


@asynccontextmanager
async def model_access(
    machine: AgentMachine, provider: ModelProvider
) -> AsyncIterator[ModelAccess]:
    """Route `models.agentos.internal` to a provider for as long as a session uses it.

    Sessions of one machine with different providers get different ports. A provider that
    speaks HTTPS is reached under its own name, which its certificate is for.
    """
    endpoint = Endpoint.of(provider.base_url, granted=True)
    parts = urlsplit(provider.base_url)
    if parts.scheme == "https":
        yield ModelAccess(provider.base_url, provider.api_key, provider.model, endpoint)
        return
    async with routed(machine, (endpoint.host, endpoint.port)) as origin:
        yield ModelAccess(f"{origin}{parts.path}", provider.api_key, provider.model)


@asynccontextmanager
async def routed(
    machine: AgentMachine, target: tuple[str, int], name: str = MODELS
) -> AsyncIterator[str]:
    """Route a name below `agentos.internal` to a place on the host.

    Returns:
        The origin that the machine reaches it by, such as `http://models.agentos.internal`.
    """
    routes = _routes.setdefault(machine, {})
    port = _PORT
    while (name, port) in routes and routes[name, port].target != target:
        port += 1
    route = routes.setdefault((name, port), _Route(target))
    route.sessions += 1
    try:
        if route.sessions == 1:
            await machine.network.route(name, port, target)
        yield f"http://{name}" if port == _PORT else f"http://{name}:{port}"
    finally:
        route.sessions -= 1
        if route.sessions == 0:
            del routes[name, port]
            try:
                await machine.network.unroute(name, port)
            except MachineError:
                pass  # the machine has ended, and its routes with it

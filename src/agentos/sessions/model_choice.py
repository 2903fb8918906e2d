"""How a session gets its model: a provider, the gateway, or credentials of its own."""

from __future__ import annotations

import uuid
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from agentos.agents.definition import AgentDefinition, AgentRequest, ModelAccess
from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid
from agentos.models.cassettes.active import active_cassette
from agentos.models.provider import ModelProvider
from agentos.sessions.model_route import model_access, routed
from agentos.sessions.recorded import gateway_for, lent_model

if TYPE_CHECKING:
    from agentos.models.budgets import Budget
    from agentos.models.cassettes.cassette import Cassette
    from agentos.models.gateway import Binding, ModelGateway
    from agentos.sessions.session import Session

Credentials = Literal["gateway", "env"]
_machine_ids: weakref.WeakKeyDictionary[AgentMachine, str] = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class ModelChoice:
    """What a caller says of the model; see `create_session`.

    `has_file` says whether the agent has a file of the profile.
    """

    provider: ModelProvider | ModelGateway | str | None = None
    model: str | None = None
    credentials: Credentials | None = None
    profile: str | None = None
    budget: Budget | None = None
    has_file: bool = False


@dataclass(frozen=True)
class Grant:
    """A session's key at a gateway."""

    gateway: ModelGateway
    key: str
    binding: Binding

    @contextmanager
    def to(self, session: Session) -> Iterator[None]:
        """Book calls under a session, and let it hear of what a budget stops."""
        from agentos.models.gateway.keys import key_id

        self.gateway.keys.bind(self.key, replace(self.binding, session=session.id))
        session.grant = self
        with self.gateway.telling(key_id(self.key), session.note_budget):
            yield

    def set_budget(self, session_id: str, budget: Budget | None) -> None:
        """Let the session spend another amount; what it has spent counts on."""
        binding = replace(self.binding, session=session_id, budget=budget)
        self.gateway.keys.bind(self.key, binding)


@dataclass(frozen=True)
class Chosen:
    """What was made of the choice: nothing for credentials of the session's own."""

    access: ModelAccess | None = None
    model: str | None = None
    grant: Grant | None = None


async def with_profile(
    machine: AgentMachine, definition: AgentDefinition, request: AgentRequest, choice: ModelChoice
) -> ModelChoice:
    """Let the file of a profile name the model where the caller does not.

    Raises:
        ConfigInvalid: The file cannot be read.
    """
    if request.profile is None:
        return choice
    settings = await definition.profile(machine, request)
    if settings is None:
        return choice
    model = settings.get("model") if choice.model is None else choice.model
    return replace(choice, model=model if isinstance(model, str) else None, has_file=True)


async def choose(
    machine: AgentMachine,
    definition: AgentDefinition,
    request: AgentRequest,
    choice: ModelChoice,
    resources: AsyncExitStack,
) -> Chosen:
    """Make the way to the model that a session shall use.

    Args:
        machine: Where the agent works.
        definition: The agent.
        request: What else the caller asks for.
        choice: What the caller says of the model.
        resources: Takes what ends with the session.

    Raises:
        ConfigInvalid: The choice contradicts itself, or `agentos.toml` cannot be read.
    """
    provider = choice.provider
    if choice.credentials not in (None, "gateway", "env"):
        raise ConfigInvalid(
            f"credentials={choice.credentials!r} is unknown", hint='"gateway" or "env"'
        )
    cassette = active_cassette()
    if cassette is not None:
        found = await gateway_for(cassette, machine, definition, request, choice, resources)
        return await resources.enter_async_context(_granted(machine, *found, choice, cassette))
    lent = lent_model(request, choice)
    gateway = None
    if lent is None:
        gateway = await _gateway(machine, definition, request, choice, resources)
    if gateway is not None:
        if not (choice.has_file or gateway.has_budget_of(choice.profile)):
            raise _no_profile(choice.profile)
        named = provider if isinstance(provider, str) else None
        route = gateway.route_of(named, choice.model)
        return await resources.enter_async_context(_granted(machine, gateway, route, choice))
    if choice.budget is not None:
        raise ConfigInvalid(
            "budget= is kept by the gateway, which this session does not use",
            hint='credentials="gateway"',
        )
    if choice.profile is not None and not choice.has_file:
        raise _no_profile(choice.profile)
    if lent is not None:
        access = await resources.enter_async_context(model_access(machine, lent))
        return Chosen(access, lent.model)
    if not isinstance(provider, ModelProvider):
        return Chosen(model=choice.model)
    access = await resources.enter_async_context(model_access(machine, provider))
    return Chosen(access, choice.model)


def _no_profile(name: str | None) -> ConfigInvalid:
    return ConfigInvalid(
        f"there is no profile {name!r}: it has neither a file nor a budget",
        code="profile_unknown",
        hint=f"pass profile_file=, or write it in the machine (Codex: ~/.codex/{name}.config.toml)",
    )


async def _gateway(
    machine: AgentMachine,
    definition: AgentDefinition,
    request: AgentRequest,
    choice: ModelChoice,
    resources: AsyncExitStack,
) -> ModelGateway | None:
    provider, credentials = choice.provider, choice.credentials
    if isinstance(provider, ModelProvider):
        return None
    if provider is not None and not isinstance(provider, str):
        return provider
    if credentials == "env":
        return None
    from agentos.models.gateway.shared import shared_gateway
    from agentos.models.settings import load_settings

    unsaid = provider is None and credentials is None
    if unsaid and await definition.has_credentials(machine, request):
        return None
    settings = load_settings()
    gateway = await resources.enter_async_context(shared_gateway(settings))
    wanted = provider is not None or credentials == "gateway" or settings.configured
    if wanted or (choice.model is not None and gateway.routes.knows(choice.model)):
        return gateway
    return None


@asynccontextmanager
async def _granted(
    machine: AgentMachine,
    gateway: ModelGateway,
    route: str,
    choice: ModelChoice,
    cassette: Cassette | None = None,
) -> AsyncIterator[Chosen]:
    from agentos.models.gateway import Binding
    from agentos.models.gateway.keys import key_id

    model = gateway.model_for_agent(route)
    id = _machine_ids.setdefault(machine, uuid.uuid4().hex)
    port = await gateway.doors.open(id)
    try:
        key = gateway.keys.mint(id)
        try:
            binding = Binding(route, profile=choice.profile or "", budget=choice.budget)
            gateway.keys.bind(key, binding)
            async with AsyncExitStack() as ways:
                if cassette is not None:
                    cassette.route = route
                    between = cassette.between(gateway.providers)
                    ways.enter_context(gateway.through(key_id(key), between))
                origin = await ways.enter_async_context(routed(machine, ("127.0.0.1", port)))
                access = ModelAccess(f"{origin}/v1", key, model)
                yield Chosen(access, model, Grant(gateway, key, binding))
        finally:
            gateway.keys.revoke(key)
    finally:
        gateway.doors.close_one(id)

"""Sessions whose calls a cassette records or replays."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from agentos.agents.definition import AgentDefinition, AgentRequest
from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid
from agentos.models.cassettes.lent import LentModel, LentModels
from agentos.models.provider import ModelProvider

if TYPE_CHECKING:
    from agentos.models.cassettes.cassette import Cassette
    from agentos.models.gateway import ModelGateway
    from agentos.sessions.model_choice import ModelChoice

_KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")
_OPENAI = "https://api.openai.com/v1"


async def gateway_for(
    cassette: Cassette,
    machine: AgentMachine,
    definition: AgentDefinition,
    request: AgentRequest,
    choice: ModelChoice,
    resources: AsyncExitStack,
) -> tuple[ModelGateway, str]:
    """Find the gateway that a recorded session uses, whatever it would have used else.

    Returns:
        The gateway, and the route of the session.

    Raises:
        ConfigInvalid: Nothing names a provider, or the session would find one by itself where
            no gateway leads.
    """
    from agentos.models.cassettes.gateways import GIVEN, gateway_behind
    from agentos.models.settings import load_settings

    provider, model = choice.provider, choice.model
    if isinstance(provider, ModelProvider):
        url, key = provider.base_url, provider.api_key
        gateway = await _one(cassette, GIVEN, url, key, resources)
        return gateway, gateway.route_of(GIVEN, model or provider.model)
    if provider is not None and not isinstance(provider, str):
        return provider, provider.route_of(None, model)
    if provider is None and choice.credentials != "gateway":
        for name in _KEYS:
            if key := request.env.get(name, "").strip():
                url = request.env.get("OPENAI_BASE_URL", "").strip() or _OPENAI
                gateway = await _one(cassette, "openai", url, key, resources)
                return gateway, gateway.route_of("openai", model)
        if cassette.asks and await definition.has_credentials(machine, request):
            raise ConfigInvalid(
                "the session's provider comes from the machine's own configuration or login, "
                "where a cassette cannot hear it",
                hint='pass model="provider/model", provider=, or the key in env=',
            )
    gateway = await resources.enter_async_context(gateway_behind(cassette, load_settings()))
    return gateway, gateway.route_of(provider, model)


async def _one(
    cassette: Cassette, name: str, url: str, key: str | None, resources: AsyncExitStack
) -> ModelGateway:
    """Open a gateway for a provider that the caller brings, which nobody else uses."""
    from agentos.models.cassettes.gateways import gateway_behind
    from agentos.models.gateway import ModelGateway
    from agentos.models.providers import Provider
    from agentos.models.settings import ModelSettings

    if not cassette.asks:
        return await resources.enter_async_context(gateway_behind(cassette, ModelSettings()))
    provider = Provider(name, url, key, retries=0)
    return await resources.enter_async_context(ModelGateway([provider]))


def lent_model(request: AgentRequest, choice: ModelChoice) -> LentModel | None:
    """Return the model that `agentos record` or `replay` lends to this process, if one does.

    Raises:
        ConfigInvalid: The session names a provider whose calls would not be heard.
    """
    lent = LentModels.of(os.environ)
    if lent is None:
        return None
    elsewhere = request.env.get("OPENAI_BASE_URL", "").strip() not in ("", lent.base_url)
    if elsewhere or not isinstance(choice.provider, str | None):
        raise ConfigInvalid(
            "this session names its provider itself, where no cassette hears its calls",
            hint="leave the provider to `agentos record --route`, or use `with cassette(...)`",
        )
    return lent.find(choice.provider, choice.model)

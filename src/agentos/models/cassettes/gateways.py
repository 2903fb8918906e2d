"""The gateway behind a cassette: with the host's providers, or with none to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from agentos.models.cassettes.cassette import Cassette
from agentos.models.gateway.gateway import ModelGateway
from agentos.models.gateway.shared import shared_gateway
from agentos.models.providers import REHEARSAL, Provider, known_providers
from agentos.models.settings import ModelSettings
from agentos.models.upstream import Wire

#: A provider that a caller brings, which has no name of its own.
GIVEN = "given"
_ALL = (Wire.RESPONSES, Wire.CHAT, Wire.MESSAGES)
_NOWHERE = "http://replayed.invalid/v1"


@asynccontextmanager
async def gateway_behind(
    cassette: Cassette, settings: ModelSettings
) -> AsyncIterator[ModelGateway]:
    """Open the gateway for sessions that bring none.

    Args:
        cassette: As long as it only replays, the gateway has no keys and asks nobody.
        settings: The host's.
    """
    if cassette.asks:
        cassette.aliases.update(settings.aliases)
        async with shared_gateway(settings) as gateway:
            yield gateway
        return
    configured = (provider.name for provider in settings.providers)
    aliases = settings.aliases | cassette.aliases
    led_to = (route.partition("/")[0] for route in (cassette.route, *cassette.aliases.values()))
    names = {GIVEN, *known_providers(), *configured, *cassette.providers, *led_to}
    names -= {"", REHEARSAL, *aliases}
    async with ModelGateway(
        [Provider(name, _NOWHERE, speaks=_ALL, retries=0) for name in names],
        default=cassette.route or settings.default,
        aliases=aliases,
        prices=settings.prices,
    ) as gateway:
        yield gateway

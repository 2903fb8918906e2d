"""Models for a program of the host: its calls are recorded, or replayed."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace

from agentos.models.cassettes.cassette import Cassette
from agentos.models.cassettes.gateways import gateway_behind
from agentos.models.cassettes.lent import VARIABLE, LentKey, LentModels
from agentos.models.gateway import Binding, ModelGateway
from agentos.models.gateway.keys import key_id
from agentos.models.providers import REHEARSAL, known_providers
from agentos.models.settings import ModelSettings
from agentos.models.upstream import Wire

_OPENAI, _ANTHROPIC = "openai", "anthropic"
_CODEX_KEY = "AGENTOS_MODEL_KEY"


@asynccontextmanager
async def program_environment(
    cassette: Cassette,
    settings: ModelSettings,
    environment: Mapping[str, str],
    route: str | None = None,
) -> AsyncIterator[dict[str, str]]:
    """Open a way to models on loopback, and return a program's environment that leads there.

    OpenAI's and Anthropic's own variables lead there, those of Codex' adapter, and the one that
    sessions of AgentOS read. Where they led before is where the recorder asks.

    Args:
        cassette: Records or replays; it is entered already.
        settings: The host's providers and routes.
        environment: The environment to begin with.
        route: Where calls go that name no provider; by default what `agentos.toml` says, else
            the provider whose variables the program reads.

    Raises:
        ConfigInvalid: The route leads nowhere.
    """
    async with gateway_behind(cassette, _redirected(settings, environment)) as gateway:
        home = route or cassette.route or settings.default or _OPENAI
        home = str(gateway.routes.find(home))
        cassette.route = home
        routes = {
            name: name for name in (*gateway.providers, *settings.aliases, *cassette.aliases)
        } | {"": home}
        machine = f"recorder-{uuid.uuid4().hex}"
        port = await gateway.doors.open(machine)
        try:
            with _keys(gateway, cassette, machine, routes) as keys:
                lent = LentModels(f"http://127.0.0.1:{port}/v1", keys)
                yield _environment(environment, lent, _messages(gateway, home))
        finally:
            gateway.doors.close_one(machine)


@contextmanager
def _keys(
    gateway: ModelGateway, cassette: Cassette, machine: str, routes: Mapping[str, str]
) -> Iterator[dict[str, LentKey]]:
    """Make a key for each route, good for as long as the program runs."""
    between = cassette.between(gateway.providers)
    lent = {}
    with ExitStack() as made:
        for name, route in routes.items():
            key = gateway.keys.mint(machine)
            made.callback(gateway.keys.revoke, key)
            gateway.keys.bind(key, Binding(route))
            made.enter_context(gateway.through(key_id(key), between))
            lent[name] = LentKey(key, gateway.model_for_agent(route))
        yield lent


def _messages(gateway: ModelGateway, home: str) -> str:
    """Name the route for programs that speak Anthropic's protocol."""
    provider = gateway.routes.find(home).provider
    speaks = provider != REHEARSAL and Wire.MESSAGES in gateway.providers[provider].speaks
    return "" if speaks else _ANTHROPIC


def _environment(environment: Mapping[str, str], lent: LentModels, messages: str) -> dict[str, str]:
    key = lent.keys[""].key
    provider = {
        "name": "AgentOS",
        "base_url": lent.base_url,
        "env_key": _CODEX_KEY,
        "wire_api": "responses",
    }
    codex = {"model_provider": "agentos", "model_providers": {"agentos": provider}}
    return {
        **environment,
        VARIABLE: lent.text(),
        "OPENAI_BASE_URL": lent.base_url,
        "OPENAI_API_BASE": lent.base_url,
        "OPENAI_API_KEY": key,
        "CODEX_API_KEY": key,
        "CODEX_CONFIG": json.dumps(_codex_config(environment) | codex),
        _CODEX_KEY: key,
        "ANTHROPIC_BASE_URL": lent.base_url.removesuffix("/v1"),
        "ANTHROPIC_API_KEY": lent.keys[messages].key,
    }


def _codex_config(environment: Mapping[str, str]) -> dict[str, object]:
    try:
        said = json.loads(environment.get("CODEX_CONFIG") or "{}")
    except ValueError:
        return {}  # the adapter would not have read it either
    return said if isinstance(said, dict) else {}


def _redirected(settings: ModelSettings, environment: Mapping[str, str]) -> ModelSettings:
    """Ask the providers where the program's variables would have asked them."""
    configured = {provider.name for provider in settings.providers}
    known = known_providers()
    moved = [
        replace(known[name], base_url=url)
        for name, url in _places(environment)
        if name not in configured
    ]
    return replace(settings, providers=(*settings.providers, *moved))


def _places(environment: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    if url := environment.get("OPENAI_BASE_URL", "").strip():
        yield _OPENAI, url
    if url := environment.get("ANTHROPIC_BASE_URL", "").strip().rstrip("/"):
        yield _ANTHROPIC, url if url.endswith("/v1") else f"{url}/v1"

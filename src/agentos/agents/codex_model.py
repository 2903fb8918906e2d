"""Where Codex gets its model from, and with which credentials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentos.agents.codex_config import CodexHome
from agentos.agents.definition import (
    AgentRequest,
    Authentication,
    Endpoint,
    ModelAccess,
    from_inside,
)
from agentos.errors import AuthenticationRequired

OPENAI = "https://api.openai.com/v1"
CHATGPT = "https://chatgpt.com/backend-api"
#: The model provider that a session defines for itself; nothing of it is written to disk.
PROVIDER = "agentos"
_PROVIDER_KEY = "AGENTOS_MODEL_KEY"
KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")


@dataclass(frozen=True)
class ModelSource:
    """A model provider, as settings for Codex.

    Args:
        settings: For its configuration.
        env: For its environment.
        endpoints: What it needs of the network.
        authentication: How to log in, if Codex must.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    endpoints: tuple[Endpoint, ...] = ()
    authentication: Authentication | None = None


def choose_source(
    home: CodexHome, request: AgentRequest, env: Mapping[str, str], *, in_memory: bool = False
) -> ModelSource:
    """Choose the provider: the caller's, a custom one of `config.toml`, a key, a login.

    Args:
        home: What Codex will find.
        request: What the caller asks for.
        env: The whole environment of the agent.
        in_memory: Whether the settings reach Codex over its protocol, so that a key among them
            is seen by nobody else.

    Raises:
        AuthenticationRequired: There are no credentials.
        ConfigInvalid: A base URL is not one.
    """
    if request.provider:
        return _given(request.provider, home, in_memory)
    custom = home.text("model_provider")
    if custom and custom != "openai":
        return _custom(custom, home, env)
    for variable in KEYS:
        if env.get(variable, "").strip():
            return _keyed(variable, home, env)
    if home.login is not None:
        return _logged_in(home, env)
    raise AuthenticationRequired(
        "codex has no credentials for a model",
        hint=(
            "set OPENAI_API_KEY or CODEX_API_KEY in env= (--env OPENAI_API_KEY), or define a "
            f"model_provider in {home.config_file}, or a provider in your agentos.toml, or pass "
            "provider=RehearsalModel(...) to try it without a key"
        ),
    )


def has_own_source(home: CodexHome, env: Mapping[str, str]) -> bool:
    """Tell whether a session has a provider of its own: in its configuration, a key, a login."""
    custom = home.text("model_provider") not in (None, "openai")
    return custom or home.login is not None or any(env.get(key, "").strip() for key in KEYS)


def _given(provider: ModelAccess, home: CodexHome, in_memory: bool) -> ModelSource:
    hidden = home.table("shell_environment_policy").get("exclude")
    settings: dict[str, Any] = _own_provider(provider.base_url, "AgentOS")
    env = {}
    if provider.api_key and in_memory:
        settings["model_providers"][PROVIDER]["experimental_bearer_token"] = provider.api_key
    elif provider.api_key:
        settings["model_providers"][PROVIDER]["env_key"] = _PROVIDER_KEY
        env[_PROVIDER_KEY] = provider.api_key
        # Else each command would see the key, and Codex's snapshot of the shell would keep it.
        exclude = [*(hidden if isinstance(hidden, list) else []), _PROVIDER_KEY]
        settings["shell_environment_policy"] = {"exclude": exclude}
    return ModelSource(settings, env, (provider.endpoint,) if provider.endpoint else ())


def _custom(name: str, home: CodexHome, env: Mapping[str, str]) -> ModelSource:
    table = home.table("model_providers", name)
    variable = table.get("env_key")
    if isinstance(variable, str) and not env.get(variable, "").strip():
        raise AuthenticationRequired(
            f"the model provider {name!r} of {home.config_file} takes its key from "
            f"{variable}, which is not set",
            hint=f'pass env={{"{variable}": ...}}',
        )
    url = table.get("base_url")
    endpoints = (Endpoint.of(url),) if isinstance(url, str) else ()
    authentication = None
    if table.get("requires_openai_auth") and home.login is None:
        if not any(env.get(key, "").strip() for key in KEYS):
            raise AuthenticationRequired(
                f"the model provider {name!r} of {home.config_file} requires an OpenAI login",
                hint="set OPENAI_API_KEY or CODEX_API_KEY in env=",
            )
        authentication = Authentication("api-key")
    return ModelSource(endpoints=endpoints, authentication=authentication)


def _keyed(variable: str, home: CodexHome, env: Mapping[str, str]) -> ModelSource:
    """Use a key for this session only.

    Codex's own log-in with a key would write it to disk, where it would outlive the session
    and replace another login; a provider that reads the variable does neither.
    """
    url, endpoint = _base_url(home, env)
    official = url.rstrip("/") == OPENAI
    settings = _own_provider(url, "OpenAI" if official else "AgentOS")
    settings["model_providers"][PROVIDER] |= {
        "env_key": variable,
        "env_http_headers": {
            "OpenAI-Organization": "OPENAI_ORGANIZATION",
            "OpenAI-Project": "OPENAI_PROJECT",
        },
    }
    # So that what the agent runs finds it too.
    seen = {"OPENAI_BASE_URL": url} if env.get("OPENAI_BASE_URL") else {}
    return ModelSource(settings, seen, (endpoint,))


def _logged_in(home: CodexHome, env: Mapping[str, str]) -> ModelSource:
    login = home.login or {}
    url, endpoint = _base_url(home, env)
    if login.get("tokens") and not login.get("OPENAI_API_KEY") and url == OPENAI:
        return ModelSource(endpoints=(Endpoint.of(CHATGPT),))
    if url == OPENAI:
        return ModelSource(endpoints=(Endpoint.of(url),))
    return ModelSource({"openai_base_url": url}, {}, (endpoint,))


def _base_url(home: CodexHome, env: Mapping[str, str]) -> tuple[str, Endpoint]:
    """Return OpenAI's base URL for this session, and what it needs of the network."""
    given = env.get("OPENAI_BASE_URL", "").strip()
    if given:
        url = from_inside(given)
        return url, Endpoint.of(url, granted=True)
    configured = home.text("openai_base_url")
    if configured:
        return configured, Endpoint.of(configured)
    return OPENAI, Endpoint.of(OPENAI, granted=True)


def _own_provider(url: str, name: str) -> dict[str, Any]:
    provider = {"name": name, "base_url": url, "wire_api": "responses"}
    return {"model_provider": PROVIDER, "model_providers": {PROVIDER: provider}}


def with_values(provider: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, Any]:
    """Replace the names of variables in a provider's settings by their values.

    Example:
        `{"env_key": "KEY"}` with `{"KEY": "k"}` becomes `{"experimental_bearer_token": "k"}`.
    """
    told = dict(provider)
    variable = told.get("env_key")
    if isinstance(variable, str) and variable in env:
        del told["env_key"]
        told["experimental_bearer_token"] = env[variable]
    names = told.pop("env_http_headers", {})
    headers = {header: env[name] for header, name in names.items() if name in env}
    left = {header: name for header, name in names.items() if name not in env}
    told |= {"http_headers": headers} if headers else {}
    return told | ({"env_http_headers": left} if left else {})

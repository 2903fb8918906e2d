"""OpenCode, which speaks ACP itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from agentos.agents.account import Account
from agentos.agents.codex_config import merged
from agentos.agents.definition import (
    AgentDefinition,
    AgentRequest,
    Launch,
    ModelAccess,
    Software,
    installed_at,
)
from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid

_SETTINGS = "OPENCODE_CONFIG_CONTENT"
_PROVIDER = "agentos"
_ACCOUNT = Account(
    "opencode",
    {
        "ANTHROPIC_API_KEY": "https://api.anthropic.com",
        "OPENAI_API_KEY": "https://api.openai.com",
        "OPENROUTER_API_KEY": "https://openrouter.ai",
    },
    login=".local/share/opencode/auth.json",
)


class OpenCode(AgentDefinition):
    """The real OpenCode, one program.

    Args:
        locate: Tells where a machine sees a package.
    """

    name = "opencode"
    software: Sequence[Software] = ("opencode",)
    description = "OpenCode"
    credentials = tuple(_ACCOUNT.keys)
    config_variable = _SETTINGS

    def __init__(self, locate: Callable[[str], str] = installed_at) -> None:
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        env = machine.environment(request.env)
        settings: dict[str, Any] = {"autoupdate": False, "share": "disabled"}
        if request.asks:  # else it allows itself everything
            settings["permission"] = dict.fromkeys(("edit", "bash", "webfetch"), "ask")
        if provider := request.provider:
            settings |= _provided(provider, request.model)
            endpoints = [provider.endpoint] if provider.endpoint else []
        else:
            _, endpoints = await _ACCOUNT.use(machine, request)
            settings |= {"model": request.model} if request.model else {}
        data = env.get("XDG_DATA_HOME") or f"{env['HOME']}/.local/share"
        return Launch(
            argv=[f"{self._locate('opencode')}/bin/opencode", "acp"],
            env={
                "OPENCODE_DISABLE_MODELS_FETCH": "1",
                "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
                **request.env,
                _SETTINGS: json.dumps(merged(settings, _callers(env.get(_SETTINGS)))),
            },
            cwd=request.cwd or env["HOME"],
            endpoints=endpoints,
            session_files=[f"{data}/opencode/opencode.db-wal", f"{data}/opencode/opencode.db"],
            preface=request.instructions,
        )

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        return await _ACCOUNT.is_there(machine, request)


def _provided(provider: ModelAccess, model: str | None) -> dict[str, Any]:
    model = model or provider.model
    if not model:
        raise ConfigInvalid("opencode has to be told which model to ask for", hint="pass model=")
    options = {"baseURL": provider.base_url, "apiKey": provider.api_key or "none"}
    described = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "AgentOS",
        "options": options,
        "models": {model: {"name": model}},
    }
    chosen = f"{_PROVIDER}/{model}"
    return {"provider": {_PROVIDER: described}, "model": chosen, "small_model": chosen}


def _callers(text: str | None) -> dict[str, Any]:
    try:
        said = json.loads(text) if text else {}
    except ValueError as error:
        raise ConfigInvalid(f"the variable {_SETTINGS} is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise ConfigInvalid(f"the variable {_SETTINGS} is not a JSON object")
    return said

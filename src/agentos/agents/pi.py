"""Pi behind its ACP adapter."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from agentos.agents.account import Account
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

_PROVIDER = "agentos"
_KEY = "AGENTOS_MODEL_KEY"
_ACCOUNT = Account(
    "pi",
    {
        "ANTHROPIC_API_KEY": "https://api.anthropic.com",
        "OPENAI_API_KEY": "https://api.openai.com",
        "OPENROUTER_API_KEY": "https://openrouter.ai",
    },
    login=".pi/agent/auth.json",
)


class Pi(AgentDefinition):
    """The real Pi, and the adapter that speaks ACP for it, two Node programs.

    Args:
        locate: Tells where a machine sees a package.
    """

    name = "pi"
    software: Sequence[Software] = ("node", "pi")
    description = "Pi behind its ACP adapter"
    credentials = tuple(_ACCOUNT.keys)

    def __init__(self, locate: Callable[[str], str] = installed_at) -> None:
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        env = machine.environment(request.env)
        source: dict[str, str] = {}
        if provider := request.provider:
            place = f"{env['HOME']}/.pi/agentos"
            await _configure(machine, place, provider, request.model)
            source = {"PI_CODING_AGENT_DIR": place, _KEY: provider.api_key or "none"}
            endpoints = [provider.endpoint] if provider.endpoint else []
        else:
            source, endpoints = await _ACCOUNT.use(machine, request)
        own = env.get("PI_CODING_AGENT_DIR") or f"{env['HOME']}/.pi/agent"
        node = f"{self._locate('node')}/bin"
        modules = f"{self._locate('pi')}/node_modules"
        return Launch(
            argv=[f"{node}/node", f"{modules}/pi-acp/dist/index.js"],
            env={
                "PI_OFFLINE": "1",  # no look for news at each start
                "PI_ACP_PI_COMMAND": f"{modules}/.bin/pi",
                **request.env,
                **source,
                # Before the machine's own Node, which may be too old for Pi.
                "PATH": f"{node}:{env['PATH']}",
            },
            cwd=request.cwd or env["HOME"],
            endpoints=endpoints,
            session_files=[
                f"{source.get('PI_CODING_AGENT_DIR', own)}/sessions/*/*_{{session}}.jsonl",
                f"{env['HOME']}/.pi/pi-acp/session-map.json",
            ],
            preface=request.instructions,
            warnings=["pi asks nobody for permission: it does what it wants"]
            if request.asks
            else [],
            model=None if request.provider else request.model,
        )

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        return await _ACCOUNT.is_there(machine, request)


async def _configure(
    machine: AgentMachine, place: str, provider: ModelAccess, model: str | None
) -> None:
    """Write the provider where this session's Pi looks; the key itself is in no file."""
    model = model or provider.model
    if not model:
        raise ConfigInvalid("pi has to be told which model to ask for", hint="pass model=")
    described = {
        "baseUrl": provider.base_url,
        "api": "openai-completions",
        "apiKey": f"${_KEY}",
        "models": [{"id": model}],
    }
    files: dict[str, dict[str, Any]] = {
        "models.json": {"providers": {_PROVIDER: described}},
        "settings.json": {"defaultProvider": _PROVIDER, "defaultModel": model},
    }
    await machine.mkdir(place, parents=True)
    for name, content in files.items():
        await machine.write_file(f"{place}/{name}", json.dumps(content).encode())

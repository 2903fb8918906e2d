"""Claude Code behind its ACP adapter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentos.agents.account import Account
from agentos.agents.custom import model_variables
from agentos.agents.definition import AgentDefinition, AgentRequest, Launch, Software, installed_at
from agentos.agents.machine import AgentMachine

_API = "https://api.anthropic.com"
_ACCOUNT = Account(
    "claude",
    dict.fromkeys(("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"), _API),
    base_url="ANTHROPIC_BASE_URL",
    login=".claude/.credentials.json",
)
_PROVIDER = {"ANTHROPIC_BASE_URL": "{origin}", "ANTHROPIC_AUTH_TOKEN": "{api_key}"}
_MODEL = {
    # What it does beside the session goes to the same model: there may be no other.
    "ANTHROPIC_MODEL": "{model}",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "{model}",
}
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "NO_BROWSER": "1",
    "IS_SANDBOX": "1",  # the machine is one
}


class Claude(AgentDefinition):
    """The real Claude Code, with the ACP adapter that its makers name.

    Args:
        locate: Tells where a machine sees a package.
    """

    name = "claude"
    software: Sequence[Software] = ("node", "claude-agent-acp")
    description = "Claude Code behind its ACP adapter"
    credentials = tuple(_ACCOUNT.keys)

    def __init__(self, locate: Callable[[str], str] = installed_at) -> None:
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        env = machine.environment(request.env)
        if provider := request.provider:
            source = model_variables({**_PROVIDER, **_MODEL}, provider, request.model)
            endpoints = [provider.endpoint] if provider.endpoint else []
        else:
            source, endpoints = await _ACCOUNT.use(machine, request)
            source |= {"ANTHROPIC_MODEL": request.model} if request.model else {}
        node = f"{self._locate('node')}/bin"
        adapter = f"{self._locate('claude-agent-acp')}/node_modules/@agentclientprotocol"
        config = env.get("CLAUDE_CONFIG_DIR") or f"{env['HOME']}/.claude"
        told = {"systemPrompt": {"append": request.instructions}} if request.instructions else {}
        return Launch(
            argv=[f"{node}/node", f"{adapter}/claude-agent-acp/dist/index.js"],
            env={**_QUIET, **request.env, **source, "PATH": f"{env['PATH']}:{node}"},
            cwd=request.cwd or env["HOME"],
            endpoints=endpoints,
            session_meta=told,
            session_files=[f"{config}/projects/*/{{session}}.jsonl"],
        )

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        return await _ACCOUNT.is_there(machine, request)

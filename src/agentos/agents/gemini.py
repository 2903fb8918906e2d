"""Gemini CLI, which speaks ACP itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agentos.agents.account import Account
from agentos.agents.definition import (
    AgentDefinition,
    AgentRequest,
    Authentication,
    Launch,
    Software,
    installed_at,
)
from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid

_ACCOUNT = Account(
    "gemini",
    {"GEMINI_API_KEY": "https://generativelanguage.googleapis.com"},
    base_url="GOOGLE_GEMINI_BASE_URL",
)
#: A session, and how Gemini calls the directory that it belongs to.
_SESSION_FILES = (
    "tmp/*/chats/session-*-{session:8}.jsonl",
    "tmp/*/.project_root",
    "projects.json",
)


class Gemini(AgentDefinition):
    """The real Gemini CLI, a Node program, with a key of the Gemini API.

    Args:
        locate: Tells where a machine sees a package.
    """

    name = "gemini"
    software: Sequence[Software] = ("node", "gemini-cli")
    description = "Gemini CLI"
    credentials = tuple(_ACCOUNT.keys)

    def __init__(self, locate: Callable[[str], str] = installed_at) -> None:
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        if request.provider:
            raise ConfigInvalid(
                "gemini speaks Google's own API only, which neither the gateway nor the "
                "rehearsal model offers",
                hint='pass env={"GEMINI_API_KEY": ...} and credentials="env"',
            )
        env = machine.environment(request.env)
        source, endpoints = await _ACCOUNT.use(machine, request)
        source |= {"GEMINI_MODEL": request.model} if request.model else {}
        node = f"{self._locate('node')}/bin"
        return Launch(
            argv=[f"{node}/node", f"{self._locate('gemini-cli')}/bundle/gemini.js", "--acp"],
            env={
                "NO_BROWSER": "1",
                "GEMINI_CLI_NO_RELAUNCH": "1",  # one process instead of two
                **request.env,
                **source,
                "PATH": f"{env['PATH']}:{node}",
            },
            cwd=request.cwd or env["HOME"],
            authentication=Authentication("gemini-api-key"),
            endpoints=endpoints,
            session_files=[f"{env['HOME']}/.gemini/{name}" for name in _SESSION_FILES],
            preface=request.instructions,
        )

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        return await _ACCOUNT.is_there(machine, request)

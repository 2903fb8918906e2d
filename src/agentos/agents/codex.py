"""OpenAI Codex: driven directly, or through its ACP adapter."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from agentos.agents.codex_config import CodexHome, caller_config, merged, read_home
from agentos.agents.codex_files import codex_files
from agentos.agents.codex_model import (
    KEYS,
    PROVIDER,
    ModelSource,
    choose_source,
    has_own_source,
    with_values,
)
from agentos.agents.codex_rollouts import rollouts_of
from agentos.agents.definition import (
    AgentDefinition,
    AgentRequest,
    Endpoint,
    Launch,
    Software,
    installed_at,
)
from agentos.agents.machine import AgentMachine
from agentos.agents.provisions import Provisions
from agentos.errors import ConfigInvalid

#: Variables that a process takes in when it starts.
_READ_AT_START = {
    *("HOME", "PATH", "TMPDIR", "RUST_LOG", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
}


class Codex(AgentDefinition):
    """The real, unmodified Codex, with full access: the machine is its sandbox.

    Args:
        locate: Tells where a machine sees a package.
    """

    name = "codex"
    software: Sequence[Software] = ("codex",)
    description = "OpenAI Codex, driven directly"
    credentials = KEYS
    config_variable = "CODEX_CONFIG"

    def __init__(self, locate: Callable[[str], str] = installed_at) -> None:
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        env = machine.environment(request.env)
        home = await read_home(machine, env, request.profile)
        source = choose_source(home, request, env, in_memory=True)
        return Launch(
            argv=[f"{self._locate('codex')}/bin/codex", "app-server"],
            env={**request.env, **source.env},
            cwd=request.cwd or env["HOME"],
            authentication=source.authentication,
            endpoints=source.endpoints,
            warnings=_warnings(machine, home, request, ours_win=True),
            driver="codex",
            config=_settings(home, request, source, env),
            mode="ask" if request.asks else None,
        )

    async def place(self, machine: AgentMachine, request: AgentRequest) -> Provisions | None:
        return await codex_files(machine, request)

    async def profile(
        self, machine: AgentMachine, request: AgentRequest
    ) -> Mapping[str, Any] | None:
        return await _profile(machine, request)

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        return await _has_credentials(machine, request)

    def waiting(self, machine: AgentMachine) -> Launch:
        argv = [f"{self._locate('codex')}/bin/codex", "app-server"]
        return Launch(argv=argv, env={}, cwd=machine.environment()["HOME"], driver="codex")

    def joined(self, launch: Launch, missing: Mapping[str, str]) -> Launch | None:
        # What Codex itself reads comes too late; its commands and its provider can be told.
        passed = {name: value for name, value in missing.items() if name != "CODEX_CONFIG"}
        if passed.keys() & _READ_AT_START or any(
            name.startswith("CODEX_") and name not in KEYS for name in passed
        ):
            return None
        if not passed:
            return launch
        own = launch.config.get("model_providers", {}).get(PROVIDER)
        if own is None:
            return None  # one of its own files may name a variable
        providers = {**launch.config["model_providers"], PROVIDER: with_values(own, passed)}
        policy = {"shell_environment_policy": {"set": passed}}
        return replace(
            launch, config={**merged(launch.config, policy), "model_providers": providers}
        )


class CodexAcp(AgentDefinition):
    """The same Codex behind its ACP adapter, a Node program.

    Args:
        locate: Tells where a machine sees a package.
    """

    name = "codex-acp"
    software: Sequence[Software] = ("codex", "codex-acp", "node")
    description = "OpenAI Codex behind its ACP adapter"
    credentials = KEYS
    config_variable = "CODEX_CONFIG"

    def __init__(self, locate: Callable[[str], str] = installed_at) -> None:
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        env = machine.environment(request.env)
        home = await read_home(machine, env, request.profile)
        source = choose_source(home, request, env)
        node = f"{self._locate('node')}/bin"
        return Launch(
            argv=[f"{node}/node", f"{self._locate('codex-acp')}/dist/index.js"],
            env={
                "INITIAL_AGENT_MODE": "agent-full-access",
                "NO_BROWSER": "1",
                **request.env,
                **source.env,
                "PATH": f"{env['PATH']}:{node}",
                "CODEX_PATH": f"{self._locate('codex')}/bin/codex",
                "CODEX_CONFIG": json.dumps(_settings(home, request, source, env)),
            },
            cwd=request.cwd or env["HOME"],
            authentication=source.authentication,
            session_files=rollouts_of("{session}", f"{home.path}/sessions"),
            endpoints=source.endpoints,
            warnings=_warnings(machine, home, request, ours_win=False),
        )

    async def place(self, machine: AgentMachine, request: AgentRequest) -> Provisions | None:
        return await codex_files(machine, request)

    async def profile(
        self, machine: AgentMachine, request: AgentRequest
    ) -> Mapping[str, Any] | None:
        return await _profile(machine, request)

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        return await _has_credentials(machine, request)

    def notice(self, update: Mapping[str, Any]) -> str | None:
        if lost := _server_that_did_not_start(update):
            return lost
        text = _unattributed_text(update)
        return text.removeprefix("Warning: ") if text.startswith("Warning: ") else None

    def failure(self, updates: Sequence[Mapping[str, Any]]) -> str | None:
        # The adapter reports a failed turn as a thread status, then ends it as if all were well.
        words = None
        for update in updates:
            if status := _thread_status(update):
                words = "the model provider failed" if status == "systemError" else None
            elif words and (text := _unattributed_text(update)):
                words = _provider_words(text)
        return words


async def _profile(machine: AgentMachine, request: AgentRequest) -> Mapping[str, Any] | None:
    return (await read_home(machine, machine.environment(request.env), request.profile)).profile


async def _has_credentials(machine: AgentMachine, request: AgentRequest) -> bool:
    env = machine.environment(request.env)
    return has_own_source(await read_home(machine, env, request.profile), env)


def _settings(
    home: CodexHome, request: AgentRequest, source: ModelSource, env: Mapping[str, str]
) -> dict[str, Any]:
    provider_model = request.provider.model if request.provider else None
    ours = merged(source.settings, _session_settings(home, request, provider_model))
    return merged(merged(home.profile or {}, ours), caller_config(env))


def _session_settings(
    home: CodexHome, request: AgentRequest, provider_model: str | None
) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    model = request.model or provider_model
    if model:
        settings["model"] = model
    if request.instructions:
        own = home.text("developer_instructions")
        settings["developer_instructions"] = "\n\n".join(filter(None, (own, request.instructions)))
    if request.command_env:
        settings["shell_environment_policy"] = {"set": dict(request.command_env)}
    if "unbounded_connection_retries" not in home.table("features"):
        # Else a turn whose provider is unreachable never ends.
        settings["features"] = {"unbounded_connection_retries": False}
    return settings


def _warnings(
    machine: AgentMachine, home: CodexHome, request: AgentRequest, *, ours_win: bool
) -> list[str]:
    configured = home.table("mcp_servers")
    urls = {
        name: server.get("url")
        for name, server in configured.items()
        if isinstance(server, Mapping) and server.get("enabled") is not False
    }
    warnings = [
        f"the MCP server {name!r} of {home.config_file} is used, not that of mcp_servers="
        for name in request.mcp_servers
        if name in configured and not ours_win
    ]
    taken = () if ours_win else configured
    urls |= {n: s.url for n, s in request.mcp_servers.items() if n not in taken}
    for name, url in urls.items():
        if isinstance(url, str) and (warning := _unreachable(machine, name, url)):
            warnings.append(warning)
    return warnings


def _unreachable(machine: AgentMachine, name: str, url: str) -> str | None:
    try:
        endpoint = Endpoint.of(url)
    except ConfigInvalid as error:
        return f"the MCP server {name!r} will not work: {error.message}"
    if endpoint.reachable(machine):
        return None
    return (
        f"the MCP server {name!r} cannot be reached: the machine's network policy does not allow "
        f'{endpoint.entry}; add NetworkPolicy(allow=["{endpoint.entry}"])'
    )


def _server_that_did_not_start(update: Mapping[str, Any]) -> str | None:
    """Return what the adapter dresses up as a failed tool call."""
    kind, _, rest = str(update.get("toolCallId", "")).partition(".")
    if kind != "mcp_startup" or update.get("status") != "failed":
        return None
    name = unquote(rest.rpartition(".")[0])
    parts = update.get("content") or []
    why = " ".join(str(part.get("content", {}).get("text", "")) for part in parts).strip()
    return f"the MCP server {name!r} did not start: {why or 'it gave no reason'}"


def _thread_status(update: Mapping[str, Any]) -> str | None:
    found: Any = update
    for name in ("_meta", "codex", "threadStatus", "type"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _provider_words(text: str) -> str:
    """Return what a provider says in an error that Codex repeats as raw JSON."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"])
    except (ValueError, KeyError, TypeError):
        return text


def _unattributed_text(update: Mapping[str, Any]) -> str:
    """Return what an update says in the model's place: such a chunk belongs to no message."""
    if update.get("sessionUpdate") != "agent_message_chunk" or update.get("messageId"):
        return ""
    content = update.get("content")
    text = content.get("text") if isinstance(content, Mapping) else None
    return text.strip() if isinstance(text, str) else ""

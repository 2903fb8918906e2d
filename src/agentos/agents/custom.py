"""`Agent`: an agent of your own, from any command that speaks ACP, or from a built-in one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentos.agents.codex_config import merged
from agentos.agents.definition import (
    AgentDefinition,
    AgentRequest,
    Endpoint,
    Launch,
    ModelAccess,
    Software,
    installed_at,
)
from agentos.agents.home import fill_home
from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid

#: How a model reaches an agent that says nothing else: what most programs understand.
OPENAI_VARIABLES = {"OPENAI_BASE_URL": "{base_url}", "OPENAI_API_KEY": "{api_key}"}


class Agent(AgentDefinition):
    """An agent of your own: any command that speaks ACP, or a tweaked build of a built-in agent.

    In `command`, `env` and `session_files`, `{home}` stands for the machine's home directory and
    `{NAME}` for where the machine sees the package NAME of `software`.

    Args:
        name: What callers ask for.
        command: The program in the machine and its arguments; it speaks ACP on stdio, or with
            `extends` what the built-in agent's own program speaks.
        extends: A built-in agent whose ways this one has, in all that is not said here.
        software: Packages of the software catalog; with `extends`, by default its own.
        env: Environment of the agent.
        home: A directory of the host; its files are put into the machine's home directory when
            a session begins, where there are none of that name.
        config: With `extends`: settings over the agent's own, in the words of its own file.
        model_env: How a model's `{base_url}`, `{origin}` (the same without `/v1`), `{api_key}`
            and `{model}` reach the agent as variables; by default as OpenAI's.
        credentials: Variables that hold a key of the agent's own; with one of them set, no
            other model is looked for.
        endpoints: URLs that it needs where it brings its own model.
        session_files: Where it keeps a session, for it to go on in another machine: patterns such
            as `{home}/.mine/*/{session}.jsonl`; see `Launch`.
        description: One line for people.
        locate: Tells where a machine sees a package.

    Raises:
        AgentNotFound: There is no built-in agent of the name in `extends`.
        ConfigInvalid: Neither `command` nor `extends` is given, or `config` cannot be passed on.

    Example:
        `Agent("mine", command=["python3", "{home}/agent.py"], home="my-agent")`
    """

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str] = (),
        extends: str | AgentDefinition | None = None,
        software: Sequence[Software] | None = None,
        env: Mapping[str, str] | None = None,
        home: str | Path | None = None,
        config: Mapping[str, Any] | None = None,
        model_env: Mapping[str, str] | None = None,
        credentials: Sequence[str] = (),
        endpoints: Sequence[str] = (),
        session_files: Sequence[str] = (),
        description: str = "",
        locate: Callable[[str], str] = installed_at,
    ) -> None:
        self.name = name
        self.base = _built_in(extends)
        if self.base is None and not command:
            raise ConfigInvalid(
                f"the agent {name!r} has neither a command nor an agent that it extends",
                hint='command = ["program", "argument"], or extends = "codex"',
            )
        if config and (self.base is None or self.base.config_variable is None):
            raise ConfigInvalid(
                f"the agent {name!r} cannot be given config",
                hint='that is for extends = "codex", "codex-acp" or "opencode"; use env or home',
            )
        for pattern in session_files:
            if not pattern.startswith(("/", "{home}/")) or ".." in pattern.split("/"):
                raise ConfigInvalid(
                    f"the agent {name!r} cannot keep a session in {pattern!r}",
                    hint='session_files = ["{home}/.mine/{session}.jsonl"]',
                )
        self.command = tuple(command)
        self.env = dict(env or {})
        self.home = Path(home) if home is not None else None
        self.config = dict(config or {})
        self.model_env = dict(OPENAI_VARIABLES if model_env is None else model_env)
        self.endpoints = tuple(endpoints)
        self.session_files = tuple(session_files)
        self._locate = locate
        self.software, self.credentials = tuple(software or ()), tuple(credentials)
        self.description = description
        if self.base is not None:
            self.software = self.software if software is not None else tuple(self.base.software)
            self.credentials = self.credentials or tuple(self.base.credentials)
            self.description = description or f"{self.base.name}, tweaked"

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        names = self._names(machine)
        env = {name: _filled(text, names) for name, text in self.env.items()}
        if self.home is not None:
            await fill_home(machine, self.home)
        command = [_filled(word, names) for word in self.command]
        files = [_filled(pattern, names) for pattern in self.session_files]
        if self.base is None:
            launch = self._launch(machine, request, command, env)
            return replace(launch, session_files=files)
        launch = await self.base.prepare(machine, self._passed_on(request, env))
        return replace(
            launch,
            argv=command or launch.argv,
            env={**launch.env, **env},
            session_files=files or launch.session_files,
        )

    async def has_credentials(self, machine: AgentMachine, request: AgentRequest) -> bool:
        if self.base is not None:
            return await self.base.has_credentials(machine, self._passed_on(request, self.env))
        env = machine.environment({**self.env, **request.env})
        return any(env.get(name, "").strip() for name in self.credentials)

    def notice(self, update: Mapping[str, Any]) -> str | None:
        return self.base.notice(update) if self.base else None

    def failure(self, updates: Sequence[Mapping[str, Any]]) -> str | None:
        return self.base.failure(updates) if self.base else None

    def _launch(
        self,
        machine: AgentMachine,
        request: AgentRequest,
        command: Sequence[str],
        env: Mapping[str, str],
    ) -> Launch:
        provider = request.provider
        if provider is None:
            endpoints = [Endpoint.of(url, granted=True) for url in self.endpoints]
        else:
            endpoints = [provider.endpoint] if provider.endpoint else []
        model = model_variables(self.model_env, provider, request.model) if provider else {}
        return Launch(
            argv=command,
            env={**env, **request.env, **model},
            cwd=request.cwd or machine.environment()["HOME"],
            endpoints=endpoints,
            preface=request.instructions,
            model=request.model,
        )

    def _passed_on(self, request: AgentRequest, env: Mapping[str, str]) -> AgentRequest:
        """Ask the built-in agent for what is asked of this one, with this one's settings."""
        env = {**env, **request.env}
        variable = self.base.config_variable if self.base else None
        if self.config and variable:
            over = json.loads(env[variable]) if variable in env else {}
            env[variable] = json.dumps(merged(self.config, over))
        return replace(request, env=env)

    def _names(self, machine: AgentMachine) -> dict[str, str]:
        packages = [package for package in self.software if isinstance(package, str)]
        places = {package: self._locate(package) for package in packages}
        return {**places, "home": machine.environment()["HOME"]}


def model_variables(
    templates: Mapping[str, str], provider: ModelAccess, model: str | None
) -> dict[str, str]:
    """Fill a model provider into variables; one that asks for what is not known is left out.

    Example:
        `{"OPENAI_BASE_URL": "{base_url}"}` becomes `{"OPENAI_BASE_URL": "http://..."}`.
    """
    known = {
        "base_url": provider.base_url,
        "origin": provider.base_url.removesuffix("/v1"),
        "api_key": provider.api_key or "",
        "model": model or provider.model or "",
    }
    filled = {name: _filled(text, known) for name, text in templates.items()}
    return {name: text for name, text in filled.items() if text}


def _built_in(extends: str | AgentDefinition | None) -> AgentDefinition | None:
    if not isinstance(extends, str):
        return extends
    from agentos.agents.built_in import built_in_agent

    return built_in_agent(extends)


def _filled(text: str, names: Mapping[str, str]) -> str:
    # Not str.format: an argument may well be JSON.
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text

"""Agents in files: TOML of AgentOS's own, or an entry of the public ACP registry."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.agents.built_in import BUILT_IN
from agentos.agents.custom import Agent
from agentos.agents.definition import AgentDefinition
from agentos.config import expanded, home_dir
from agentos.errors import AgentOsError, ConfigInvalid

SUFFIXES = (".toml", ".json")


def agents_dir() -> Path:
    """Where the user's agents are: `agents/` in the AgentOS home."""
    return home_dir() / "agents"


def agent_files() -> dict[str, Path]:
    """List the files of the user's agents by the names of the agents."""
    folder = agents_dir()
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return {path.stem: path for path in found if path.suffix in SUFFIXES and path.is_file()}


def read_agent(path: Path) -> AgentDefinition:
    """Read an agent from a file: `.toml`, or `.json` as in the public ACP registry.

    Raises:
        ConfigInvalid: It cannot be read; the message names the file and the place in it.
    """
    try:
        text = path.read_text()
        said: Any = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError as error:
        raise ConfigInvalid(f"there is no agent file {path}") from error
    except ValueError as error:  # both readers', and of what is not UTF-8
        raise ConfigInvalid(f"{path} cannot be read: {error}") from error
    try:
        agent = _of_registry(said) if path.suffix == ".json" else _of_toml(said, path)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigInvalid(
            f"{path}: {place}: {first['msg'].lower()}", hint="see docs/agents.md"
        ) from error
    except AgentOsError as error:
        raise ConfigInvalid(f"{path}: {error.message}", hint=error.hint) from error
    if agent.name in BUILT_IN:
        raise ConfigInvalid(
            f"{path}: the name {agent.name!r} is that of a built-in agent",
            hint="name it otherwise",
        )
    return agent


class _AgentTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    description: str = ""
    command: list[str] = []
    extends: str | None = None
    software: list[str] | None = None
    env: dict[str, str] = {}
    home: Path | None = None
    config: dict[str, Any] = {}
    model_env: dict[str, str] | None = None
    credentials: list[str] = []
    endpoints: list[str] = []
    session_files: list[str] = []


def _of_toml(said: Any, path: Path) -> AgentDefinition:
    table = _AgentTable.model_validate(said)
    given = {name: getattr(table, name) for name in table.model_fields_set}
    if table.home is not None:
        given["home"] = path.parent / expanded(table.home)
    return Agent(**{"name": path.stem, **given})


def _of_registry(said: Any) -> AgentDefinition:
    from agentos.agents.acp_registry import agent_of_entry

    return agent_of_entry(said)

"""An agent from an entry of the public ACP registry, as it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from agentos.agents.custom import Agent
from agentos.agents.definition import AgentDefinition, AgentRequest, Launch, place_of
from agentos.agents.machine import AgentMachine
from agentos.errors import ConfigInvalid, SoftwareError
from agentos.software.catalog import NpmTree, Package, resolve
from agentos.software.store import find

# Both become parts of paths, and a package has to be one of a registry, no URL.
_NAME = r"^[a-z0-9][a-z0-9-]*$"
_VERSION = r"^[0-9A-Za-z][0-9A-Za-z.+-]*$"
_PACKAGE = r"^(@[A-Za-z0-9._~-]+/)?[A-Za-z0-9_~][A-Za-z0-9._~-]*((@|==)[0-9A-Za-z.+-]+)?$"


class _Runner(BaseModel):
    package: str = Field(pattern=_PACKAGE)
    args: list[str] = []
    env: dict[str, str] = {}


class _Distribution(BaseModel):
    npx: _Runner | None = None
    uvx: _Runner | None = None
    binary: dict[str, Any] | None = None


class _Entry(BaseModel):
    id: str = Field(pattern=_NAME)
    version: str = Field(pattern=_VERSION)
    description: str = ""
    distribution: _Distribution


def agent_of_entry(
    entry: Mapping[str, Any], locate: Callable[[Package], str] = place_of
) -> AgentDefinition:
    """Make an agent of an entry of the public ACP registry.

    A package of npm is installed once, for all machines. One of PyPI is started by the machine's
    own `uvx`, so the machine needs that and a way to a package index.

    Args:
        entry: The entry, as its `agent.json` says.
        locate: Tells where a machine sees a package.

    Raises:
        ConfigInvalid: The entry has neither `npx` nor `uvx`.
        pydantic.ValidationError: It is no entry.
    """
    said = _Entry.model_validate(entry)
    if npx := said.distribution.npx:
        tree = NpmTree(npx.package if "@" in npx.package[1:] else f"{npx.package}@{said.version}")
        package = Package(f"acp-{said.id}", said.version, (tree,), ("node",))
        return NpmAgent(said.id, package, npx.args, npx.env, said.description, locate)
    if uvx := said.distribution.uvx:
        command = ["uvx", uvx.package, *uvx.args]
        return Agent(said.id, command=command, env=uvx.env, description=said.description)
    raise ConfigInvalid(
        f"the agent {said.id!r} is distributed as an archive without a checksum",
        hint="unpack it into a directory that you mount, and name the program as command in a "
        "TOML file",
    )


class NpmAgent(AgentDefinition):
    """An agent that is the program of an npm package.

    Args:
        name: What callers ask for.
        package: The package, as a tree.
        args: The program's arguments.
        env: Its environment.
        description: One line for people.
        locate: Tells where a machine sees the node package, and this one.
    """

    def __init__(
        self,
        name: str,
        package: Package,
        args: Sequence[str],
        env: Mapping[str, str],
        description: str = "",
        locate: Callable[[Package], str] = place_of,
    ) -> None:
        self.name = name
        self.package = package
        self.args = tuple(args)
        self.env = dict(env)
        self.description = description
        self.software = ("node", package)
        self._locate = locate

    async def prepare(self, machine: AgentMachine, request: AgentRequest) -> Launch:
        program = await asyncio.to_thread(_program, self.package)
        node = f"{self._locate(resolve('node'))}/bin"
        path = machine.environment(request.env)["PATH"]
        agent = Agent(
            self.name,
            command=[f"{node}/node", f"{self._locate(self.package)}/{program}", *self.args],
            env={**self.env, "PATH": f"{path}:{node}"},
        )
        return await agent.prepare(machine, request)


def _program(package: Package) -> str:
    """Find the one program of an installed package, by npm's own rule."""
    layer = find(package)
    [tree] = package.artifacts
    assert isinstance(tree, NpmTree)
    if layer is None:
        raise SoftwareError(f"{package} is not installed", code="software_not_installed")
    folder = Path("node_modules", tree.name)
    said = json.loads((layer.path / folder / "package.json").read_text())
    programs = said.get("bin") or {}
    if isinstance(programs, str):
        return str(folder / programs)
    short = tree.name.rpartition("/")[2]
    if len(programs) != 1 and short not in programs:
        raise SoftwareError(f"{tree.requirement} has no program {short!r}")
    return str(folder / programs.get(short, next(iter(programs.values()))))

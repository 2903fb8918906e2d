"""MCP servers from npm or PyPI as layers: installed once, started without a word.

`npx` and `uvx` download and talk when a server is first started, on a stdout that belongs to
the protocol, and need the network of the machine for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

from agentos.errors import ConfigInvalid, SoftwareError
from agentos.software.catalog import CATALOG, Artifact, Catalog, Package
from agentos.software.client import run
from agentos.software.install import ensure
from agentos.software.registry import DiskFull, npm, npm_error, pip_error
from agentos.software.staging import Staging, package_lock, staging_directory, sweep
from agentos.software.store import Installed, find, place

_SPEC = re.compile(
    r"(?P<npm>npm:(?P<n>(@[\w.-]+/)?[\w.-]+)@(?P<nv>\d[\w.+-]*))"
    r"|(?P<pypi>pypi:(?P<p>[\w.-]+)==(?P<pv>\d[\w.+!-]*))"
)
#: Names that mean no more than themselves in a shell.
_PLAIN = re.compile(r"[\w.-]+")
_PLAIN_PATH = re.compile(r"[\w./-]+")
#: The Python that a server from PyPI runs with: that of the image `"host"`.
_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class McpPackage:
    """A package with an MCP server, at one version."""

    client: Literal["npm", "pip"]
    project: str
    version: str

    @classmethod
    def of(cls, spec: str) -> McpPackage:
        """Read `npm:NAME@VERSION` or `pypi:NAME==VERSION`.

        Raises:
            ConfigInvalid: It is neither.
        """
        found = _SPEC.fullmatch(spec)
        if found is None:
            raise ConfigInvalid(
                f"{spec!r} does not name a package at one version",
                hint="write npm:NAME@VERSION or pypi:NAME==VERSION",
            )
        if found["npm"]:
            return cls("npm", found["n"], found["nv"])
        return cls("pip", found["p"], found["pv"])

    @property
    def layer(self) -> Package:
        """The layer that it becomes."""
        registry = "npm" if self.client == "npm" else "pypi"
        name = self.project.removeprefix("@").replace("/", "+")
        return Package(f"mcp-{registry}-{name}", self.version, ())

    @property
    def artifact(self) -> Artifact:
        """What its client is asked for."""
        between = "@" if self.client == "npm" else "=="
        return Artifact(self.client, f"{self.project}{between}{self.version}", "", 0, 0, {})


async def preinstall(spec: str, *, catalog: Catalog = CATALOG) -> Installed:
    """Install an MCP server with all that it requires, unless it is there.

    Machines see its programs at `/opt/agentos/mcp-npm-NAME/VERSION/bin/`, or `mcp-pypi-NAME`; no
    script of any package runs here.

    Args:
        spec: `npm:NAME@VERSION` or `pypi:NAME==VERSION`.
        catalog: Where Node is from.

    Raises:
        ConfigInvalid: That is no package at one version.
        SoftwareError: It cannot be installed, or has no program.
        RegistryUnreachable: The registry does not answer.
    """
    package = McpPackage.of(spec)
    node = (await ensure(["node"], catalog=catalog))[-1] if package.client == "npm" else None
    sweep()
    async with package_lock(package.layer.name):
        return find(package.layer) or await _install(package, node)


def programs(layer: Installed) -> list[str]:
    """Name the programs of an installed server as machines see them."""
    inside = f"/opt/agentos/{layer.name}/{layer.version}/bin"
    return [f"{inside}/{name}" for name in sorted(os.listdir(layer.path / "bin"))]


async def _install(package: McpPackage, node: Installed | None) -> Installed:
    with staging_directory() as staging:
        layer = staging.directory("layer")
        try:
            if node is not None:
                scripts = await _from_npm(package, staging, layer, node)
            else:
                scripts = await _from_pypi(package, staging, layer)
        except DiskFull as error:
            raise SoftwareError(
                f"the disk is full: {package.artifact.requirement} was not installed",
                code="disk_full",
                hint="free some space, or let AGENTOS_DATA_DIR name a directory on a larger disk",
            ) from error
        if not scripts:
            raise SoftwareError(
                f"{package.artifact.requirement} has no program to start", code="no_program"
            )
        (layer / "bin").mkdir()
        for name, script in scripts.items():
            (layer / "bin" / name).write_text(script)
            (layer / "bin" / name).chmod(0o755)
        size = _open_to_all(layer)
        return place(package.layer, package.artifact, layer, size, staging.path / "damaged")


async def _from_npm(
    package: McpPackage, staging: Staging, layer: Path, node: Installed
) -> dict[str, str]:
    wanted = package.artifact.requirement
    install = ("install", wanted, "--omit=dev", "--no-audit", "--no-fund")
    reply = await npm(install, layer, staging, _env(staging), node.path)
    if reply.code:
        raise npm_error(package.layer, package.artifact, reply)
    manifest = json.loads((layer / "node_modules" / package.project / "package.json").read_bytes())
    found = manifest.get("bin") or {}
    if isinstance(found, str):
        found = {package.project.rpartition("/")[2]: found}
    runner = f'"$here/../../../node/{node.version}/bin/node"'
    return {
        name: _script(f'{runner} "$here/../node_modules/{package.project}/{Path(program)}"')
        for name, program in found.items()
        if _PLAIN.fullmatch(name) and _PLAIN_PATH.fullmatch(program)
    }


async def _from_pypi(package: McpPackage, staging: Staging, layer: Path) -> dict[str, str]:
    python = shutil.which(_PYTHON)
    if python is None:
        raise SoftwareError(
            f"{_PYTHON} is not there, with which {package.project} would run",
            hint="install the distribution's python3",
        )
    command = [
        *(sys.executable, "-m", "pip", "--python", python, "install", "--only-binary=:all:"),
        *("--target", str(layer / "lib"), "--no-cache-dir", "--progress-bar=off"),
        *("--disable-pip-version-check", package.artifact.requirement),
    ]
    reply = await run(command, staging, _env(staging) | {"PIP_QUIET": "1"})
    if reply.code:
        raise pip_error(package.layer, package.artifact, reply)
    shutil.rmtree(layer / "lib" / "bin", ignore_errors=True)  # they name this host's Python
    scripts = {}
    name = re.sub(r"[-_.]+", "-", package.project).lower()
    for found in distributions(path=[str(layer / "lib")]):
        if re.sub(r"[-_.]+", "-", found.name).lower() == name:
            for entry in found.entry_points.select(group="console_scripts"):
                source = f"import sys; sys.argv[0] = '{entry.name}'; "
                source += f"from {entry.module} import {entry.attr.partition('.')[0]}; "
                source += f"sys.exit({entry.attr}())"
                if _PLAIN.fullmatch(entry.name) and _PLAIN.fullmatch(entry.module + entry.attr):
                    scripts[entry.name] = _script(f'{_PYTHON} -c "{source}"', path=True)
    return scripts


def _script(command: str, *, path: bool = False) -> str:
    found = 'export PYTHONPATH="$here/../lib${PYTHONPATH:+:$PYTHONPATH}"\n' if path else ""
    return f'#!/bin/sh\nhere=$(dirname "$(readlink -f "$0")")\n{found}exec {command} "$@"\n'


def _env(staging: Staging) -> dict[str, str]:
    return os.environ | {"TMPDIR": str(staging.directory("tmp"))}


def _open_to_all(layer: Path) -> int:
    """Let every machine's user read it, and only read; return its size."""
    size = 0
    for path in _below(layer):
        if path.is_symlink():
            continue
        mode = 0o755 if path.is_dir() else 0o555 if path.stat().st_mode & 0o111 else 0o444
        path.chmod(mode)
        size += path.stat().st_size if path.is_file() else 0
    return size


def _below(layer: Path) -> Iterable[Path]:
    layer.chmod(0o755)
    return layer.rglob("*")

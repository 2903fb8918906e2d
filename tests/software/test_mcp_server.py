"""MCP servers from npm and PyPI as layers, by the real npm and pip."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agentos import AgentOs
from agentos.errors import ConfigInvalid, SoftwareError
from agentos.software import Package, installed
from agentos.software.mcp_server import McpPackage, preinstall, programs

if TYPE_CHECKING:
    from tests.software.conftest import Registry

HELLO = b'{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "1"}}\n'
_NOTES = (Path(__file__).parents[1] / "data" / "notes_stdio.py").read_text()
PYTHON = f"def main():\n    exec({_NOTES!r}, {{}})\n".encode()
NODE = b"""#!/usr/bin/env node
require("readline").createInterface({input: process.stdin}).on("line", line =>
  console.log(JSON.stringify({jsonrpc: "2.0", id: JSON.parse(line).id, result: {}})));
"""


def publish_npm(registry: Registry, **manifest: object) -> None:
    whole = {"name": "notes-server", "version": "1.0.0", **manifest}
    files = {
        "package/dist/index.js": (NODE, 0o644),
        "package/package.json": (json.dumps(whole).encode(), 0o644),
    }
    registry.npm_package("notes-server", files)


def publish_pypi(registry: Registry, entry: str = "notes = notesserver:main") -> None:
    files = {
        "notesserver/__init__.py": (PYTHON, 0o644),
        "notesserver-1.0.dist-info/entry_points.txt": (
            f"[console_scripts]\n{entry}\n".encode(),
            0o644,
        ),
    }
    registry.pip_package("notesserver", files)


def nothing_left(data: Path) -> bool:
    left = list((data / "software-staging").glob("install-*"))
    return left == [] and not list((data / "software").glob("mcp-*"))


def served(program: Path) -> dict[str, Any]:
    """Start a server for the first time, and return all that it says."""
    ran = subprocess.run([program], input=HELLO, capture_output=True, check=True)
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


async def test_a_server_from_npm(registry: Registry, node: Package, data: Path) -> None:
    publish_npm(registry, bin={"notes": "dist/index.js", "$(reboot)": "dist/index.js"})
    layer = await preinstall("npm:notes-server@1.0.0", catalog={"node": node})
    assert programs(layer) == ["/opt/agentos/mcp-npm-notes-server/1.0.0/bin/notes"]
    assert served(layer.path / "bin/notes") == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert layer in installed()
    again = await preinstall("npm:notes-server@1.0.0", catalog={"node": node})
    assert again == layer
    assert len(registry.downloads) == 1


async def test_a_server_from_pypi_runs_in_a_machine(registry: Registry, data: Path) -> None:
    data.mkdir()
    data.parent.chmod(0o755)
    publish_pypi(registry)
    layer = await preinstall("pypi:notesserver==1.0")
    (program,) = programs(layer)
    async with AgentOs() as vm:
        ran = await vm.exec([program], input=HELLO, check=True)
    assert json.loads(ran.stdout)["result"]["serverInfo"]["name"] == "notes"
    assert len(ran.stdout.splitlines()) == 1


@pytest.mark.parametrize("spec", ["npm:notes-server@2.0.0", "npm:absent@1.0.0"])
async def test_npm_has_no_such_package(
    registry: Registry, node: Package, data: Path, spec: str
) -> None:
    publish_npm(registry, bin="dist/index.js")
    with pytest.raises(SoftwareError, match="npm could not fetch"):
        await preinstall(spec, catalog={"node": node})
    assert nothing_left(data)


async def test_pypi_has_no_such_package(registry: Registry, data: Path) -> None:
    with pytest.raises(SoftwareError, match="pip could not fetch absent"):
        await preinstall("pypi:absent==1.0")
    assert nothing_left(data)


@pytest.mark.parametrize("entry", ["", "x; y = notesserver:main"])
async def test_package_without_a_program(registry: Registry, data: Path, entry: str) -> None:
    publish_pypi(registry, entry)
    with pytest.raises(SoftwareError, match="has no program to start"):
        await preinstall("pypi:notesserver==1.0")
    assert nothing_left(data)


@pytest.mark.parametrize(
    "spec", ["", "notes", "npm:notes", "npm:notes@latest", "pypi:notes", "npm:../x@1", "npm:a b@1"]
)
async def test_what_names_no_version(spec: str, data: Path) -> None:
    with pytest.raises(ConfigInvalid, match="does not name a package at one version"):
        await preinstall(spec)


def test_scopes_become_part_of_the_name() -> None:
    package = McpPackage.of("npm:@team/notes.server@1.0.0-rc.1")
    assert str(package.layer) == "mcp-npm-team+notes.server 1.0.0-rc.1"

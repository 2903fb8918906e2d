"""npm packages with all that they depend on: from a lock, or as npm chooses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.software.conftest import Registry, sri

from agentos.agents.acp_registry import agent_of_entry
from agentos.errors import ChecksumMismatch
from agentos.sessions.create import create_session
from agentos.software import NpmTree, Package, ensure
from agentos.testing.host_machine import HostMachine

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"
_MAIN = {"name": "main", "version": "1.0.0", "dependencies": {"part": "1.0.0"}}


@pytest.fixture
def published(registry: Registry) -> Registry:
    registry.npm_package("part", {"package/index.js": (b"module.exports = 'part'", 0o644)})
    manifest = json.dumps(_MAIN | {"scripts": {"postinstall": "touch ran"}}).encode()
    files = {
        "package/package.json": (manifest, 0o644),
        "package/index.js": (b"console.log(require('part'))", 0o755),
    }
    registry.npm_package("main", files)
    registry.dependencies["main"] = _MAIN["dependencies"]
    return registry


def output_of(*command: Path) -> bytes:
    return subprocess.check_output(command)


def tree(lock: Path | None = None) -> Package:
    grown = NpmTree("main@1.0.0", lock=str(lock) if lock else None)
    return Package("main", "1.0.0", (grown,), ("node",))


def lock_of(registry: Registry, place: Path, part: bytes) -> Path:
    main = sri(registry.archives["main-1.0.0.tgz"], "sha512")
    packages = {
        "": {"name": "main-tree", "version": "1.0.0", "dependencies": {"main": "1.0.0"}},
        "node_modules/main": {**_MAIN, "integrity": main},
        "node_modules/part": {"version": "1.0.0", "integrity": sri(part, "sha512")},
    }
    lock = place / "lock.json"
    said = {"name": "main-tree", "version": "1.0.0", "lockfileVersion": 3, "requires": True}
    lock.write_text(json.dumps(said | {"packages": packages}))
    return lock


@pytest.mark.parametrize("locked", [True, False])
async def test_a_tree_runs_and_its_scripts_do_not(
    published: Registry, node: Package, tmp_path: Path, locked: bool
) -> None:
    part = published.archives["part-1.0.0.tgz"]
    package = tree(lock_of(published, tmp_path, part) if locked else None)
    here, layer = await ensure([package], catalog={"node": node})
    program = layer.path / "node_modules/main/index.js"
    assert output_of(here.path / "bin/node", program) == b"part\n"
    assert not list(layer.path.rglob("ran"))
    assert program.stat().st_mode & 0o777 == 0o555
    assert (layer.path / "node_modules/part/index.js").stat().st_mode & 0o777 == 0o444


async def test_a_package_that_is_not_the_locked_one_is_refused(
    published: Registry, node: Package, data: Path, tmp_path: Path
) -> None:
    package = tree(lock_of(published, tmp_path, b"another"))
    with pytest.raises(ChecksumMismatch):
        await ensure([package], catalog={"node": node})
    assert not (data / "software/main").exists()


_AGENT = b"""#!/usr/bin/env node
const say = message => console.log(JSON.stringify({ jsonrpc: "2.0", ...message }));
require("readline").createInterface({ input: process.stdin }).on("line", line => {
  const { id, method, params } = JSON.parse(line);
  if (method === "initialize") return say({ id, result: { protocolVersion: 1 } });
  if (method === "session/new") return say({ id, result: { sessionId: "s" } });
  if (method !== "session/prompt") return;
  const content = { type: "text", text: process.argv.slice(2) + " " + process.env.MINE };
  const update = { sessionUpdate: "agent_message_chunk", content };
  say({ method: "session/update", params: { sessionId: "s", update } });
  say({ id, result: { stopReason: "end_turn" } });
});
"""


async def test_an_agent_of_the_acp_registry_answers(
    registry: Registry, node: Package, data: Path
) -> None:
    manifest = {"name": "shell-agent", "version": "1.0.0", "bin": {"other-name": "agent.js"}}
    files = {
        "package/package.json": (json.dumps(manifest).encode(), 0o644),
        "package/agent.js": (_AGENT, 0o644),
    }
    registry.npm_package("shell-agent", files)
    entry = json.loads((EXAMPLES / "shell-agent.json").read_text())
    entry["distribution"]["npx"]["env"] = {"MINE": "of the entry"}

    def locate(package: Package) -> str:
        return str(data / "software" / package.name / package.version)

    agent = agent_of_entry(entry, locate)
    async with HostMachine() as machine, await create_session(machine, agent) as session:
        assert (await session.prompt("go")).text == "--acp of the entry"

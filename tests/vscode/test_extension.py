"""The extension's own tests, what is in its package, and the hub's tools on it."""

from __future__ import annotations

import json
import subprocess
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.vscode.conftest import SOURCES
from tests.web.conftest import PATIENCE, Place

from agentos.hub.web.files import DIST


def test_its_parts_do_as_they_say(extension: Path) -> None:
    ran = subprocess.run(
        ["npm", "test"], cwd=extension, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "# fail 0" in ran.stdout


def test_the_package_holds_what_runs_and_nothing_else(package: Path) -> None:
    with zipfile.ZipFile(package) as packed:
        names = [name.removeprefix("extension/") for name in packed.namelist()]
        page = {
            name.removeprefix("extension/dist/dashboard/"): packed.read(name)
            for name in packed.namelist()
            if name.startswith("extension/dist/dashboard/")
        }
        script = packed.read("extension/dist/extension.js").decode()
    ours = {one for one in names if not one.startswith("dist/dashboard/")}
    assert ours == {
        *("[Content_Types].xml", "extension.vsixmanifest", "package.json"),
        *("LICENSE.txt", "README.md", "media/icon.png", "media/mark.svg"),
        *("dist/extension.js", "dist/page/host.js", "dist/page/editor.css"),
    }
    built = {str(one.relative_to(DIST)): one for one in DIST.rglob("*") if one.is_file()}
    assert page == {name: path.read_bytes() for name, path in built.items()}
    assert "sourceMappingURL" not in script
    assert len(script) < 100_000


def test_each_command_that_is_offered_exists(package: Path) -> None:
    manifest = json.loads((SOURCES / "package.json").read_text())
    with zipfile.ZipFile(package) as packed:
        script = packed.read("extension/dist/extension.js").decode()
    for command in manifest["contributes"]["commands"]:
        assert f'"{command["command"]}"' in script
    assert "dependencies" not in manifest


@pytest.mark.parametrize("name", ["package-lock.json", "package.json", ".npmrc"])
def test_no_registry_is_named(name: str) -> None:
    text = (SOURCES / name).read_text()
    assert "registry." not in text
    assert "resolved" not in text.replace("omit-lockfile-registry-resolved", "")


@pytest.fixture
def place(tmp_path: Path, extension: Path) -> Iterator[Place]:
    """A hub that knows the extension."""
    found = Place(tmp_path)
    found.home.joinpath("agentos.toml").write_text(f'[extension]\ndirectory = "{extension}"\n')
    with found.served():
        yield found


def call(place: Place, tool: str) -> dict[str, Any]:
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": {}},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        "authorization": f"Bearer {(place.state / 'token').read_text().strip()}",
        "content-type": "application/json",
    }
    request = urllib.request.Request(f"{place.url}/mcp", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=4 * PATIENCE) as answer:
        text = answer.read().decode()
    said = json.loads(text[text.index("{") :])
    found: dict[str, Any] = said["result"]["structuredContent"]
    return found


def test_the_hubs_tools_compile_and_package_it(place: Place, extension: Path) -> None:
    (extension / "agentos.vsix").unlink(missing_ok=True)

    compiled = call(place, "agentOS_ext_compile")
    packaged = call(place, "agentOS_ext_package")

    assert compiled["ok"], compiled["output"]
    assert packaged["ok"], packaged["output"]
    assert packaged["artefact"] == str(extension / "agentos.vsix")
    assert zipfile.is_zipfile(extension / "agentos.vsix")

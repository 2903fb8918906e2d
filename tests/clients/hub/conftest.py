"""A hub of the test's own, and the real programs that connect to it from this host."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.hub.bridge.conftest import AGENTOS, Setup

from agentos import RehearsalModel
from agentos.software import ensure
from agentos.software.catalog import CATALOG
from agentos.software.mcp_server import preinstall
from agentos.software.store import find

INSPECTOR = "npm:@modelcontextprotocol/inspector@2.12.0"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Setup]:
    """A hub that runs, with a repository; `tmp_path/files` is what the file tools see."""
    made = Setup(tmp_path)
    repository = tmp_path / "repository"
    repository.mkdir()
    (tmp_path / "files").mkdir()
    for words in (
        ("init", "-q", "-b", "work"),
        ("config", "user.name", "Ada"),
        ("config", "user.email", "ada@example.com"),
        ("commit", "-q", "--allow-empty", "-m", "begin"),
    ):
        git(repository, *words)
    rest = f'[fs]\nroots = ["{tmp_path / "files"}"]\n[[repositories]]\npath = "{repository}"\n'
    made.configure("port = 0", rest)
    made.agentos("up")
    yield made
    made.agentos("down")


def git(repository: Path, *words: str) -> str:
    """Run git; return what it printed."""
    command = ["git", "-C", str(repository), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def url_of(hub: Setup) -> str:
    """Return where the hub speaks MCP."""
    assert hub.running is not None
    return f"{hub.running['url']}/mcp"


def token_of(hub: Setup) -> str:
    """Return the user's token."""
    return (hub.state / "token").read_text().strip()


@dataclass(frozen=True)
class Codex:
    """The real Codex on this host; its model is played."""

    home: Path
    work: Path
    env: Mapping[str, str]

    async def exec(self, model: RehearsalModel, server: str) -> list[dict[str, Any]]:
        """Let it take one turn; return what it told, as JSON objects.

        Args:
            model: Who plays the model.
            server: The lines of its configuration for the MCP server `agentos`.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "config.toml").write_text(
            'model = "some-model"\nmodel_provider = "played"\napproval_policy = "never"\n'
            'sandbox_mode = "danger-full-access"\n'
            f'[model_providers.played]\nname = "Played"\nbase_url = "{model.base_url}"\n'
            'env_key = "PLAYED_KEY"\nwire_api = "responses"\n'
            f"[mcp_servers.agentos]\n{server}\nrequired = true\n"
        )
        program = find(CATALOG["codex"])
        assert program is not None
        process = await asyncio.create_subprocess_exec(
            *(str(program.path / "bin/codex"), "exec", "--json", "--skip-git-repo-check", "go"),
            cwd=self.work,
            env={**self.env, "PLAYED_KEY": model.api_key, "CODEX_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()[-2000:] + out.decode()[-2000:]
        return [json.loads(line) for line in out.splitlines() if line.startswith(b"{")]


@pytest.fixture
def codex(tmp_path: Path, hub: Setup) -> Codex:
    """Codex, with nothing of the user's."""
    home, work, temporary = tmp_path / "codex", tmp_path / "work", tmp_path / "tmp"
    for place in (work, temporary):
        place.mkdir()
    env = {name: hub.env[name] for name in hub.env if name.startswith(("AGENTOS_", "PYTHON"))}
    env |= {"PATH": os.environ["PATH"], "HOME": str(work), "TMPDIR": str(temporary)}
    env["HUB_TOKEN"] = token_of(hub)
    return Codex(home, work, env)


def over_http(hub: Setup) -> str:
    """Configure Codex for the hub's URL."""
    return f'url = "{url_of(hub)}"\nbearer_token_env_var = "HUB_TOKEN"'


def over_bridge(hub: Setup) -> str:
    """Configure Codex for the bridge."""
    passed = ", ".join(f'{name} = "{hub.env[name]}"' for name in _passed(hub))
    program, *words = (*AGENTOS, "mcp")
    return f'command = "{program}"\nargs = {json.dumps(words)}\nenv = {{ {passed} }}'


def _passed(hub: Setup) -> list[str]:
    return [name for name in hub.env if name.startswith(("AGENTOS_", "PYTHONPATH"))]


@pytest.fixture(scope="session")
def inspector() -> Path:
    """The MCP Inspector's command line."""
    return asyncio.run(preinstall(INSPECTOR)).path / "bin" / "inspector"


@pytest.fixture(scope="session")
def claude() -> Path:
    """The Claude Code that its ACP adapter brings along."""
    layer = asyncio.run(ensure(["claude-agent-acp"]))[-1].path
    [program] = layer.glob("node_modules/@anthropic-ai/claude-agent-sdk-linux-*/claude")
    return program


@pytest.fixture(scope="session")
def gemini() -> list[str]:
    """The Gemini CLI, as a command."""
    layers = {layer.name: layer.path for layer in asyncio.run(ensure(["gemini-cli"]))}
    return [str(layers["node"] / "bin/node"), str(layers["gemini-cli"] / "bundle/gemini.js")]


def run(
    command: list[str], env: Mapping[str, str], cwd: Path, **settings: Any
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, **settings
    )

"""An AgentOS home with something of everything, and real clients on this host that get it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agentos import RehearsalModel
from agentos.config import data_dir
from agentos.home.setup import make_home, plan_home
from agentos.software import ensure

AGENTOS = (sys.executable, "-m", "agentos")
SKILL = "---\nname: ship\ndescription: How we ship things here.\n---\n\nYou are {{client}}.\n"
MEMORY = "---\ntype: feedback\ndescription: Ada wants short commit messages.\n---\n\nUnder 50.\n"
FRAGMENT = (
    'model_reasoning_effort = "low"\nmodel_verbosity = "low"\n'
    "[features]\nunbounded_connection_retries = false\n"
)


class Desk:
    """A user's home directory with an AgentOS home in it."""

    def __init__(self, place: Path) -> None:
        self.user, self.work = place / "user", place / "work"
        self.home = self.user / "AgentOS"
        for each in (self.user, self.work, place / "tmp"):
            each.mkdir()
        make_home(plan_home(self.home))
        clients = self.home / "clients"
        (clients / "shared/skills/ship").mkdir()
        (clients / "shared/skills/ship/SKILL.md").write_text(SKILL)
        (clients / "shared/memory/commits.md").write_text(MEMORY)
        (clients / "shared/AGENTS.md").write_text("Never use em dashes.\n")
        (clients / "codex/config-fragment.toml").write_text(FRAGMENT)
        (clients / "claude/settings.json").write_text('{"cleanupPeriodDays": 365}\n')
        (clients / "claude/commands").mkdir()
        (clients / "claude/commands/greet.md").write_text("Say hello to $ARGUMENTS.\n")
        self.configure("")
        self.env = {
            "HOME": str(self.user),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            # Codex has no helpers in a home below the place of temporary files.
            "TMPDIR": str(place / "tmp"),
            "AGENTOS_DATA_DIR": str(data_dir()),
            "AGENTOS_STORE_URL": f"sqlite:///{place}/agentos.db",
        }

    def configure(self, rest: str) -> None:
        """Write `agentos.toml`."""
        (self.home / "agentos.toml").write_text(f"[hub]\nport = 0\n{rest}")

    def lead_bridge_here(self) -> None:
        """Have Codex start the tree that is tested, where that is not the installed one."""
        if path := self.env["PYTHONPATH"]:
            table = f'[mcp_servers.agentOS-portfolio.env]\nPYTHONPATH = "{path}"\n'
            (self.home / "clients/codex/config-fragment.toml").write_text(FRAGMENT + table)

    def agentos(self, *words: str, code: int = 0) -> str:
        """Run the command line."""
        ran = self.run([*AGENTOS, *words], code=code)
        return ran.stdout

    def run(
        self, command: list[str], *, code: int = 0, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        ran = subprocess.run(
            command,
            capture_output=True,
            check=False,
            cwd=self.work,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
        )
        assert ran.returncode == code, ran.stderr[-3000:] + ran.stdout[-3000:]
        return ran

    def push(self, client: str, *words: str) -> None:
        """Deploy to a client; afterwards nothing is left to do."""
        self.agentos("sync", "push", "--yes", "--client", client, *words)
        self.agentos("sync", "check", "--client", client)

    def drift(self, client: str) -> Any:
        """What `check` has to say of a client that is out of step."""
        return json.loads(self.agentos("sync", "check", "--json", "--client", client, code=1))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.run([*AGENTOS, "down"])


class Codex:
    """The real Codex at a desk, in its usual place."""

    def __init__(self, desk: Desk, program: Path) -> None:
        self.desk, self.program = desk, program
        self.home = desk.user / ".codex"

    def run(self, *words: str) -> str:
        """Run one of its commands."""
        return self.desk.run([str(self.program), *words]).stdout

    async def exec(self, model: RehearsalModel, *words: str, prompt: str = "go") -> str:
        """Let it take one turn, with every setting checked; return what it told."""
        process = await asyncio.create_subprocess_exec(
            *(str(self.program), "exec", "--json", "--strict-config", *words),
            *(() if "--trust" in words else ("--skip-git-repo-check",)),
            prompt,
            cwd=self.desk.work,
            env={**self.desk.env, "OPENROUTER_API_KEY": model.api_key},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()[-3000:] + out.decode()[-3000:]
        return out.decode()


@pytest.fixture
def codex(desk: Desk) -> Codex:
    layers = {layer.name: layer.path for layer in asyncio.run(ensure(["codex"]))}
    program = layers["codex"] / "bin/codex"
    desk.env["PATH"] = f"{program.parent}:{desk.env['PATH']}"
    return Codex(desk, program)


@pytest.fixture(scope="session")
def claude() -> str:
    """The Claude Code that its ACP adapter brings along."""
    layer = asyncio.run(ensure(["claude-agent-acp"]))[-1].path
    [program] = layer.glob("node_modules/@anthropic-ai/claude-agent-sdk-linux-*/claude")
    return str(program)


@pytest.fixture(scope="session")
def gemini() -> list[str]:
    """The Gemini CLI, as a command."""
    layers = {layer.name: layer.path for layer in asyncio.run(ensure(["gemini-cli"]))}
    return [str(layers["node"] / "bin/node"), str(layers["gemini-cli"] / "bundle/gemini.js")]


@pytest.fixture(scope="session")
def opencode() -> str:
    """OpenCode."""
    layers = {layer.name: layer.path for layer in asyncio.run(ensure(["opencode"]))}
    return str(layers["opencode"] / "bin/opencode")

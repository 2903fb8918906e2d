"""The real Codex, run on the host against a rehearsal model."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentos.config import data_dir
from agentos.models.rehearsal import RehearsalModel

Installed = Callable[[str, str, str], Path]

CONFIG = """\
model = "{model}"
model_provider = "rehearsal"
approval_policy = "never"
sandbox_mode = "danger-full-access"

[features]
unbounded_connection_retries = false

[model_providers.rehearsal]
name = "Rehearsal"
base_url = "{base_url}"
env_key = "REHEARSAL_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""


@dataclass
class CodexRun:
    """What one `codex exec --json` printed."""

    exit_code: int
    events: list[dict[str, Any]]
    stderr: str

    def items(self, kind: str) -> list[dict[str, Any]]:
        """The completed items of a kind."""
        done = [event["item"] for event in self.events if event["type"] == "item.completed"]
        return [item for item in done if item["type"] == kind]

    @property
    def texts(self) -> list[str]:
        return [item["text"] for item in self.items("agent_message")]

    @property
    def failure(self) -> str:
        """The message that the user sees when the turn fails."""
        failed = [event for event in self.events if event["type"] == "turn.failed"]
        return str(failed[-1]["error"]["message"]) if failed else ""


@dataclass
class Codex:
    """A Codex installation with a home of its own; every process it started ends with it."""

    binary: Path
    home: Path
    running: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def workspace(self) -> Path:
        return self.home / "work"

    def configure(self, model: RehearsalModel, slug: str | None = None, config: str = "") -> None:
        settings = CONFIG.format(model=slug or model.model, base_url=model.base_url) + config
        (self.home / "codex" / "config.toml").write_text(settings)

    def env(self, model: RehearsalModel, key: str | None = None) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "CODEX_HOME": str(self.home / "codex"),
            "REHEARSAL_KEY": key or model.api_key,
        }

    async def start(
        self,
        model: RehearsalModel,
        prompt: str,
        *,
        slug: str | None = None,
        key: str | None = None,
        config: str = "",
        resume: bool = False,
    ) -> asyncio.subprocess.Process:
        self.configure(model, slug, config)
        command = [str(self.binary), "exec", "--json", "--skip-git-repo-check"]
        process = await asyncio.create_subprocess_exec(
            *command,
            *(["resume", "--last"] if resume else []),
            prompt,
            cwd=self.workspace,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            env=self.env(model, key),
        )
        self.running.append(process)
        return process

    async def run(self, model: RehearsalModel, prompt: str, **options: Any) -> CodexRun:
        process = await self.start(model, prompt, **options)
        stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        events = [json.loads(line) for line in stdout.splitlines()]
        return CodexRun(process.returncode, events, stderr.decode())

    async def close(self) -> None:
        for process in self.running:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
            await process.communicate()


@pytest.fixture
def installed() -> Installed:
    """Find a program that the tests need: the variable's file, or the installed software."""

    def find(name: str, path: str, variable: str) -> Path:
        chosen = os.environ.get(variable)
        program = Path(chosen) if chosen else data_dir() / "software" / path
        if not program.is_file():
            pytest.fail(f"{name} is not installed: `agentos software install {name}`")
        return program

    return find


@pytest.fixture
def codex_home() -> Iterator[Path]:
    # Codex refuses some of its work when its home is under the temporary directory.
    home = Path(tempfile.mkdtemp(prefix="agentos-test-", dir="/var/tmp"))
    (home / "codex").mkdir()
    (home / "work").mkdir()
    yield home
    shutil.rmtree(home)


@pytest.fixture
async def codex(codex_home: Path, installed: Installed) -> AsyncIterator[Codex]:
    binary = installed("codex", "codex/0.169.0/bin/codex", "AGENTOS_TEST_CODEX")
    program = Codex(binary, codex_home)
    yield program
    await program.close()

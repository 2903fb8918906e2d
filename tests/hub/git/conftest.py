"""Real repositories, with git's configuration of a user of their own."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agentos.hub.git import Repositories
from agentos.hub.git.requests import PushRequests
from agentos.hub.git.trust import TrustedSettings
from agentos.hub.settings import Repository


@dataclass(frozen=True)
class Project:
    """A registered repository, and the tools for it."""

    top: Path
    tools: Repositories
    inbox: PushRequests
    trusted: TrustedSettings

    def git(self, *arguments: str, check: bool = True, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=cwd or self.top, capture_output=True, check=check
        )
        return done.stdout.decode(errors="surrogateescape").rstrip("\n")

    def write(self, path: str, text: str = "text\n") -> Path:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def committed(self, commit: str = "HEAD") -> set[str]:
        listed = self.git("ls-tree", "-r", "-z", "--name-only", commit)
        return set(listed.split("\0")) - {""}

    def with_settings(self, **settings: Any) -> Project:
        tools = Repositories(
            [replace(Repository(self.top), **settings)],
            requests=self.inbox,
            trusted=self.trusted,
        )
        return replace(self, tools=tools)


def run(*command: str | Path, cwd: Path | None = None) -> int:
    """Run a program without a word, and return its exit code."""
    return subprocess.run(command, cwd=cwd, capture_output=True).returncode


@pytest.fixture
def users_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own configuration, in place of that of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("AGENTOS_STATE_DIR", str(tmp_path / "state"))
    return config


@pytest.fixture
def empty(users_git: Path, tmp_path: Path) -> Project:
    """A repository without a commit."""
    top = tmp_path / "project"
    top.mkdir()
    subprocess.run(["git", "init", "--quiet", str(top)], check=True)
    inbox = PushRequests(tmp_path / "inbox")
    trusted = TrustedSettings(tmp_path / "trust")
    tools = Repositories([Repository(top)], requests=inbox, trusted=trusted)
    return Project(top, tools, inbox, trusted)


@pytest.fixture
def project(empty: Project) -> Project:
    """A repository with one commit, on the branch `work`."""
    empty.write("README.md", "# Project\n")
    empty.git("add", "-A")
    empty.git("commit", "--quiet", "-m", "first")
    empty.git("switch", "--quiet", "-c", "work")
    return empty


@pytest.fixture
def remote(project: Project, tmp_path: Path) -> Path:
    """A bare remote named `origin` that has `main`."""
    bare = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    project.git("remote", "add", "origin", str(bare))
    project.git("push", "--quiet", "origin", "main")
    return bare

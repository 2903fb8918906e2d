"""`agentos init`, with the real git: a home is made, a folder adopted, nothing overwritten."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from agentos.home.setup import make_home, plan_home, template
from agentos.hub.settings import HubSettings, load_hub_settings
from agentos.models.settings import load_settings
from agentos.portfolio import Portfolio

PAGES = {
    "identity",
    "role-and-responsibilities",
    "current-projects",
    "communication-style",
    "decision-log",
    "domain-knowledge",
    "goals-and-priorities",
    "preferences-and-constraints",
    "team-and-relationships",
    "tools-and-systems",
}


def init(
    home: Path, *words: str, before: Sequence[str] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "agentos", "init", *words],
        capture_output=True,
        env={**os.environ, "AGENTOS_HOME": str(home), **environment},
        cwd="/",
        timeout=60,
        text=True,
        check=False,
    )


def git(home: Path, *words: str) -> str:
    command = ["git", "-C", str(home), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def tree(top: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in top.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(top).parts
    }


async def test_a_home_is_made_and_committed(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "AgentOS"
    ran = init(home)
    assert ran.returncode == 0, ran.stderr
    assert {file.name for file in await Portfolio(home).files()} == PAGES
    for name in ("memory", "skills"):
        assert (home / "clients/shared" / name).is_dir()
    for name in ("codex/config-fragment.toml", "claude", "cursor"):
        assert (home / "clients" / name).exists()
    assert git(home, "status", "--porcelain") == ""
    assert len(git(home, "log", "--oneline").splitlines()) == 1
    assert set(git(home, "ls-files").split()) == set(tree(home))
    assert home.stat().st_mode & 0o777 == 0o700


async def test_what_it_begins_with_is_in_order(tmp_path: Path) -> None:
    home = tmp_path / "home"
    make_home(plan_home(home))
    assert await Portfolio(home).check() == []
    for file in await Portfolio(home).files():
        assert (file.stability, file.updated) == ("draft", date.today())  # noqa: DTZ011
        assert file.scope
        assert file.size < 2_000
    assert load_hub_settings(home / "agentos.toml") == HubSettings()


def test_every_setting_that_the_template_offers_is_one(tmp_path: Path) -> None:
    lines = dict(template())["agentos.toml"].decode().splitlines()
    offered = [line for line in lines if line.startswith("# [") or " = " in line]
    assert len(offered) > 15
    file = tmp_path / "agentos.toml"
    file.write_text(
        "\n".join(line.removeprefix("# ") if line in offered else line for line in lines)
    )
    settings = load_hub_settings(file)
    assert settings.repositories
    assert settings.projects
    assert {action.name for action in settings.actions} == {"lint", "compile", "package", "install"}
    assert load_settings(file).default == "openai/gpt-5.5"


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    init(tmp_path / "home")
    before, head = tree(tmp_path / "home"), git(tmp_path / "home", "rev-parse", "HEAD")
    ran = init(tmp_path / "home")
    assert "nothing is missing" in ran.stdout
    assert (tree(tmp_path / "home"), git(tmp_path / "home", "rev-parse", "HEAD")) == (before, head)


def test_a_folder_is_adopted_with_all_that_is_in_it(tmp_path: Path) -> None:
    home = tmp_path / "notes"
    (home / "context-portfolio").mkdir(parents=True)
    mine = {
        "README.md": b"mine\n",
        "context-portfolio/identity.md": b"# Me\n",
        "diary.txt": b"secret\n",
    }
    for name, content in mine.items():
        (home / name).write_bytes(content)
    ran = init(home)
    assert ran.returncode == 0
    assert "README.md was there" in ran.stdout
    assert "+ agentos.toml" in ran.stdout
    assert mine.items() <= tree(home).items()
    assert "diary.txt" not in git(home, "ls-files")


def test_its_own_repository_stays_as_it_is(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    ran = init(tmp_path)
    assert "nothing was committed" in ran.stdout
    assert (tmp_path / "agentos.toml").exists()
    assert "?? agentos.toml" in git(tmp_path, "status", "--porcelain")


def test_inside_another_repository_none_is_made(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    ran = init(tmp_path / "docs" / "home")
    assert str(tmp_path) in ran.stdout
    assert not (tmp_path / "docs/home/.git").exists()
    (tmp_path / ".gitignore").write_text("/home\n/other/\n")
    for name in ("home", "other"):
        init(tmp_path / name)
        assert (tmp_path / name / ".git").is_dir()


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    ran = init(tmp_path / "home", "--dry-run")
    assert "+ context-portfolio/identity.md" in ran.stdout
    assert "would be" in ran.stdout
    assert os.listdir(tmp_path) == []


def test_another_directory_than_the_usual(tmp_path: Path) -> None:
    ran = init(tmp_path / "usual", str(tmp_path / "other"))
    assert f"export AGENTOS_HOME={tmp_path / 'other'}" in ran.stdout
    assert not (tmp_path / "usual").exists()


def test_without_git_there_are_files_and_a_word(tmp_path: Path) -> None:
    ran = init(tmp_path / "home", PATH=str(tmp_path))
    assert ran.returncode == 0
    assert "git is not installed" in ran.stdout
    assert (tmp_path / "home/agentos.toml").exists()
    again = init(tmp_path / "home")
    assert "was made" in again.stdout
    assert set(git(tmp_path / "home", "ls-files").split()) == set(tree(tmp_path / "home"))


def test_git_that_knows_no_name(tmp_path: Path) -> None:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(tmp_path)}
    ran = init(tmp_path / "home", **nobody)
    assert "git does not know yours" in ran.stdout
    assert git(tmp_path / "home", "log", "--format=%an").strip() == "AgentOS"
    assert "user.name" not in git(tmp_path / "home", "config", "--local", "--list")


def test_a_hook_that_refuses_is_told(tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\nhooksPath = {hooks}\n[user]\nname = a\nemail = b\n")
    ran = init(tmp_path / "home", GIT_CONFIG_GLOBAL=str(config))
    assert ran.returncode == 0
    assert "Git commit failed" in ran.stdout
    assert "not today" in ran.stdout


def test_anothers_repository_in_the_environment_is_left_alone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "theirs")
    init(tmp_path / "home", GIT_DIR=str(tmp_path / "theirs/.git"))
    assert (tmp_path / "home/.git").is_dir()
    assert git(tmp_path / "theirs", "status", "--porcelain") == ""


@pytest.mark.parametrize("place", ["", "clients", "context-portfolio", "clients/shared"])
def test_a_file_where_a_directory_should_be(tmp_path: Path, place: str) -> None:
    home = tmp_path / "home"
    (home / place).parent.mkdir(parents=True, exist_ok=True)
    (home / place).write_text("in the way")
    before = tree(tmp_path)
    ran = init(home)
    assert ran.returncode == 1
    assert f"{(home / place)} is a file" in ran.stderr
    assert tree(tmp_path) == before


def test_nothing_is_written_through_a_link_to_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "home/clients").mkdir(parents=True)
    (tmp_path / "home/clients/claude").symlink_to(tmp_path / "elsewhere")
    ran = init(tmp_path / "home")
    assert ran.returncode == 0
    assert os.listdir(tmp_path / "elsewhere") == []


def test_a_mistake_in_settings_that_were_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text("[hub]\nprot = 1\n")
    ran = init(tmp_path)
    assert ran.returncode == 0
    assert f"{tmp_path}/agentos.toml:2:1: hub.prot" in ran.stderr


def test_a_directory_that_must_not_be_written(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
    for words in ([], ["--dry-run"]):
        ran = init(closed / "home", *words, before=powerless)
        assert ran.returncode == 1
        assert f"{closed} cannot be written: permission denied" in ran.stderr
    assert os.listdir(closed) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_full_disk_leaves_what_there_was(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], check=True)
    try:
        ran = init(disk / "home")
        assert ran.returncode == 1
        assert "No space left on device" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert os.listdir(disk) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_template_is_in_the_package() -> None:
    top = files("agentos.home") / "template"
    assert {entry.name for entry in (top / "context-portfolio").iterdir()} == {
        f"{name}.md" for name in PAGES
    }

"""`agentos sync check` again: told without reading a file, and never when something changed."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentos.cli import sync_check
from agentos.cli.sync_check import current_sync, deployed, run_check
from agentos.home.projects import ActiveProjects
from agentos.home.setup import make_home, plan_home
from agentos.sync.last_check import LastCheck

LATER = 60 * 10**9  # ns
REAL = time.time_ns


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's home, in step, with a skill and a program; a check begins long after all that."""
    for name in ("CODEX_HOME", "CLAUDE_CONFIG_DIR", "CURSOR_CONFIG_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "STATE_DIR", "DATA_DIR"):
        monkeypatch.delenv(f"AGENTOS_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/first:{tmp_path}/bin:{os.defpath}")
    (tmp_path / "bin").mkdir()
    _program(tmp_path / "bin/codex", "0.169.0")
    make_home(plan_home(tmp_path / "AgentOS"))
    skill = tmp_path / "AgentOS/clients/shared/skills/tidy/SKILL.md"
    skill.parent.mkdir()
    skill.write_text("---\nname: tidy\ndescription: To tidy up.\n---\nTidy.\n")
    (skill.parent / "pulled").mkdir()
    (skill.parent / "pulled/how.md").write_text("So.\n")
    _push()
    monkeypatch.setattr(time, "time_ns", lambda: REAL() + LATER)
    return tmp_path


def _program(path: Path, version: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\necho codex {version}\n")
    path.chmod(0o755)


def _push() -> None:
    sync = current_sync()
    with sync.alone("push"):
        sync.apply(sync.plan([each.desired for each in deployed(None)]))


def _last(home: Path) -> LastCheck:
    return LastCheck(home / ".agentos/sync/check/last.json")


def _rewrite(path: Path, old: str, new: str) -> None:
    """Change a file in place, leaving its size and its time of modification as they were."""
    was = path.stat()
    assert len(old) == len(new)
    with path.open("r+") as file:
        text = file.read().replace(old, new)
        file.seek(0)
        file.write(text)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_mtime_ns == was.st_mtime_ns
    assert path.stat().st_size == was.st_size


def test_the_same_is_told_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_check(None, as_json=False) == 0
    assert capsys.readouterr().out == "in sync\n"
    assert _last(home).recall(None) is not None
    assert run_check(None, as_json=False) == 0
    assert capsys.readouterr().out == "in sync\n"
    assert run_check(None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["in_sync"] is True


def test_no_file_is_read_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_check(None, as_json=False)

    def read(*_: object) -> None:
        raise AssertionError("it reads")

    monkeypatch.setattr(sync_check, "deployed", read)
    assert run_check(None, as_json=False) == 0


def test_drift_is_told_again_too(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _rewrite(home / ".claude/skills/tidy/SKILL.md", "Tidy.", "Tidy!")
    assert run_check(None, as_json=False) == 1
    first = capsys.readouterr().out
    assert "the file changed" in first
    assert _last(home).recall(None) is not None
    assert run_check(None, as_json=False) == 1
    assert capsys.readouterr().out == first


Edit = Callable[[Path], object]
EDITS: dict[str, Edit] = {
    "a client's file, its size and mtime kept": lambda home: _rewrite(
        home / ".claude/skills/tidy/SKILL.md", "Tidy.", "Tidy!"
    ),
    "a key of a client's": lambda home: _rewrite(home / ".codex/config.toml", "mcp", "pcm"),
    "a client's file removed": lambda home: (home / ".cursor/mcp.json").unlink(),
    "a skill, its size and mtime kept": lambda home: _rewrite(
        home / "AgentOS/clients/shared/skills/tidy/SKILL.md", "Tidy.", "Tidy!"
    ),
    "a further file of a skill": lambda home: (
        home / "AgentOS/clients/shared/skills/tidy/more.md"
    ).write_text("More.\n"),
    "a file of a skill in a folder with the name of a pull's": lambda home: _rewrite(
        home / "AgentOS/clients/shared/skills/tidy/pulled/how.md", "So.", "So!"
    ),
    "a memory": lambda home: (home / "AgentOS/clients/shared/memory/a.md").write_text(
        "---\ntype: user\ndescription: It is so.\n---\nSo.\n"
    ),
    "instructions": lambda home: (home / "AgentOS/clients/codex/AGENTS.md").write_text(
        "Be kind.\n"
    ),
    "the settings": lambda home: (home / "AgentOS/agentos.toml").write_text(
        '[sync]\nclients = ["codex"]\n'
    ),
    "another version of a program": lambda home: _program(home / "bin/codex", "0.90.0"),
    "a program before it": lambda home: _program(home / "first/codex", "0.90.0"),
    "the hub's address": lambda home: (home / ".agentos/hub.json").write_text("{}"),
    "the active project": lambda home: ActiveProjects(()).use(None, client="codex"),
    "what was applied": lambda home: (home / ".agentos/sync/state.json").unlink(),
}


@pytest.mark.parametrize("name", EDITS)
def test_no_edit_is_missed(
    home: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_check(None, as_json=True)
    assert _last(home).recall(None) is not None
    EDITS[name](home)
    assert _last(home).recall(None) is None
    capsys.readouterr()
    code = run_check(None, as_json=True)
    said = capsys.readouterr().out
    _last(home).path.unlink(missing_ok=True)
    assert run_check(None, as_json=True) == code
    assert capsys.readouterr().out == said


def test_a_link_that_leads_elsewhere_is_another_file(home: Path) -> None:
    config, other = home / ".codex/config.toml", home / "dotfiles.toml"
    other.write_bytes(config.read_bytes())
    config.unlink()
    config.symlink_to(other)
    assert run_check(None, as_json=False) == 0
    assert _last(home).recall(None) is not None
    _rewrite(other, "mcp", "pcm")
    assert _last(home).recall(None) is None
    assert run_check(None, as_json=False) == 1


@pytest.mark.parametrize("variable", ["CODEX_HOME", "CLAUDE_CONFIG_DIR", "PATH", "AGENTOS_HOME"])
def test_the_environment_counts(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    run_check(None, as_json=False)
    monkeypatch.setenv("SHLVL", "7")
    assert _last(home).recall(None) is not None
    monkeypatch.setenv(variable, str(home / "elsewhere"))
    assert _last(home).recall(None) is None


def test_a_home_without_clients_is_checked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(home / "AgentOS/clients")
    _push()
    assert run_check(None, as_json=False) == 0
    assert capsys.readouterr().out == "in sync\n"
    assert _last(home).recall(None) is not None


def test_a_link_that_leads_back_is_followed_once(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = home / "AgentOS/clients/claude/commands"
    commands.mkdir(parents=True, exist_ok=True)
    for name in ("one", "two"):
        (commands / name).symlink_to(".")
    _push()
    assert run_check(None, as_json=False) == 0
    assert capsys.readouterr().out == "in sync\n"
    assert _last(home).recall(None) is not None


def test_other_clients_are_another_question(home: Path) -> None:
    run_check("codex", as_json=False)
    assert _last(home).recall("codex") is not None
    assert _last(home).recall(None) is None


def test_what_changed_just_now_is_not_relied_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time_ns", REAL)
    assert run_check(None, as_json=False) == 0
    assert not _last(home).path.exists()


def test_a_file_that_changes_during_the_check_is_looked_at_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, skill = REAL(), home / "AgentOS/clients/shared/skills/tidy/SKILL.md"
    real = sync_check.deployed

    def slow(*args: Any) -> Any:
        found = real(*args)
        while skill.stat().st_ctime_ns <= began:  # the clock of files ticks more slowly
            _rewrite(skill, "Tidy.", "Tidy!")
        return found

    monkeypatch.setattr(sync_check, "deployed", slow)
    monkeypatch.setattr("agentos.sync.last_check._GRANULE", 0)
    monkeypatch.setattr(time, "time_ns", lambda: began)
    assert run_check(None, as_json=False) == 0
    assert not _last(home).path.exists()
    monkeypatch.setattr(sync_check, "deployed", real)
    assert run_check(None, as_json=False) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"asked": 1}', b"\xff"])
def test_a_damaged_file_is_as_none(home: Path, content: bytes) -> None:
    _last(home).path.parent.mkdir()
    _last(home).path.write_bytes(content)
    assert run_check(None, as_json=False) == 0
    assert _last(home).recall(None) is not None


def test_a_check_before_any_push_leaves_no_file(home: Path, tmp_path: Path) -> None:
    for path in sorted((home / ".agentos").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (home / ".agentos").rmdir()
    (home / "bin/codex").unlink()
    run_check(None, as_json=False)
    assert not (home / ".agentos").exists()

"""`agentos agents`, as the user's shell runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agentos.cli.main import build_app

AGENTS = Path(__file__).parents[2] / "examples" / "agents"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's agents, and nothing installed."""
    monkeypatch.setenv("AGENTOS_HOME", str(tmp_path))
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "agents").mkdir()
    return tmp_path / "agents"


def agents(*words: str) -> Result:
    return CliRunner().invoke(build_app(), ["agents", *words])


def test_list_shows_all_and_says_what_cannot_be_read(folder: Path) -> None:
    (folder / "mine.toml").write_text('command = ["mine"]\ndescription = "My own"\n')
    assert agents("list").exit_code == 0
    (folder / "bad.toml").write_text("command =")
    ran = agents("list", "--json")
    rows = {row["name"]: row for row in json.loads(ran.stdout)}
    assert rows["codex"]["source"] == "built in"
    assert not rows["codex"]["installed"]
    assert rows["mine"]["source"] == str(folder / "mine.toml")
    assert rows["mine"]["installed"]
    assert "bad.toml cannot be read" in ran.stderr
    assert ran.exit_code == 1


def test_info_says_what_an_agent_needs() -> None:
    said = agents("info", "codex-acp").stdout
    for part in ("built in", "codex-acp 2.6.0  not installed", "OPENAI_API_KEY"):
        assert part in said
    said = agents("info", str(AGENTS / "shell-agent.json")).stdout
    assert "acp-shell-agent 1.0.0  not installed" in said


def test_install_needs_nothing_for_an_agent_without_software(folder: Path) -> None:
    (folder / "mine.toml").write_text('command = ["mine"]\n')
    ran = agents("install", "mine")
    assert (ran.exit_code, ran.stdout) == (0, "")

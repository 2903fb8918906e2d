"""`agentos portfolio`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.home.setup import make_home, plan_home
from agentos.portfolio import Edit, Portfolio


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    make_home(plan_home(place))
    (place / "agentos.toml").write_text(
        '[[projects]]\nname = "site"\npath = "."\nportfolio = ["identity"]\n'
    )
    return place


def portfolio(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    state = str(home.parent / "state")
    return subprocess.run(
        [sys.executable, "-m", "agentos", "portfolio", *words],
        capture_output=True,
        env={**os.environ, "AGENTOS_HOME": str(home), "AGENTOS_STATE_DIR": state},
        timeout=60,
        text=True,
        check=False,
    )


def test_list_show_and_search(home: Path) -> None:
    assert len(portfolio(home, "list").stdout.splitlines()) == 10
    rows = json.loads(portfolio(home, "list", "--project", "site", "--json").stdout)
    assert [(row["name"], row["stability"]) for row in rows] == [("identity", "draft")]
    shown = portfolio(home, "show", "identity.md")
    assert shown.stdout == (home / "context-portfolio/identity.md").read_text()
    assert "is a draft" in shown.stderr
    found = portfolio(home, "search", '"in short"')
    assert "identity:16  In short" in found.stdout
    assert portfolio(home, "search", "xyzzy").returncode == 1
    unknown = portfolio(home, "show", "identiy")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "did you mean identity?" in unknown.stderr
    assert "did you mean site?" in portfolio(home, "list", "--project", "sit").stderr


def test_check_tells_by_its_exit_code(home: Path) -> None:
    assert portfolio(home, "check").returncode == 0
    (home / "context-portfolio/identity.md").write_text("# Ada\n[x](nothing.md)\n")
    ran = portfolio(home, "check")
    assert ran.returncode == 1
    assert "identity.md:2: error: the link nothing.md" in ran.stdout
    assert {row["level"] for row in json.loads(portfolio(home, "check", "--json").stdout)} == {
        "error"
    }


async def test_proposals_are_shown_and_decided(home: Path) -> None:
    mine = Portfolio(home, state=home.parent / "state")
    edits = [Edit("# Identity", "# Ada\x1b]0;x\x07")]
    first = await mine.propose("identity", edits=edits, reason="a\x1b]0;b\nc", client="codex")
    second = await mine.propose("hobbies", "# Hobbies\n", reason="asked", client="claude")
    shown = portfolio(home, "inbox")
    assert [line[:8] for line in shown.stdout.splitlines()] == [first.id, second.id]
    assert "+# Ada" in portfolio(home, "diff", first.id).stdout
    assert "\x1b" not in shown.stdout + portfolio(home, "diff", first.id).stdout
    assert portfolio(home, "accept", second.id).returncode == 0
    assert (home / "context-portfolio/hobbies.md").read_text() == "# Hobbies\n"
    (home / "context-portfolio/identity.md").write_text("# Eve\n")
    conflict = portfolio(home, "accept", first.id)
    assert conflict.returncode == 1
    assert "+# Eve" in conflict.stderr
    assert "+# Ada" in conflict.stderr
    assert "\x1b" not in conflict.stderr
    assert portfolio(home, "reject", first.id, "--reason", "old").returncode == 0
    assert portfolio(home, "inbox").stdout == "Nothing is proposed.\n"


def test_without_a_home(tmp_path: Path) -> None:
    ran = portfolio(tmp_path / "none", "list")
    assert ran.returncode == 1
    assert "run agentos init" in ran.stderr

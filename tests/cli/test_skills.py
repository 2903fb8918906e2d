"""`agentos skills`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.home.setup import make_home, plan_home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    make_home(plan_home(place))
    return place


def skills(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    state = str(home.parent / "state")
    return subprocess.run(
        [sys.executable, "-m", "agentos", "skills", *words],
        capture_output=True,
        env={**os.environ, "AGENTOS_HOME": str(home), "AGENTOS_STATE_DIR": state},
        timeout=60,
        text=True,
        check=False,
    )


def clients(home: Path) -> dict[str, list[str]]:
    rows = [json.loads(line) for line in skills(home, "list", "--json").stdout.splitlines()]
    return {row["name"]: row["clients"] for row in rows}


def test_a_skill_is_made_shown_and_found_in_order(home: Path) -> None:
    ran = skills(home, "new", "ship-it", "-d", "Ships: a release, when asked to ship one.")
    assert ran.stdout == f"{home}/clients/shared/skills/ship-it/SKILL.md\n"
    assert skills(home, "lint").stdout == "The skills are in order.\n"
    assert "Ships: a release" in skills(home, "list").stdout
    assert "{{skills_dir}}" in skills(home, "show", "ship-it").stdout
    shown = skills(home, "show", "ship-it", "--client", "codex").stdout
    assert "/.agents/skills/ship-it." in shown
    assert "log-command ship-it --client codex" in shown
    assert skills(home, "new", "ship-it", "-d", "Again.").returncode == 1
    assert "small letters" in skills(home, "new", "Ship It", "-d", "x").stderr
    nowhere = skills(home, "list", "--group", "nowhere")
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert "there is no group 'nowhere'" in nowhere.stderr
    assert "did you mean ship-it?" in skills(home, "show", "shipit").stderr


def test_lint_tells_by_its_exit_code(home: Path) -> None:
    skills(home, "new", "one", "-d", "Says how to do things well.")
    path = home / "clients/shared/skills/one/SKILL.md"
    path.write_text(path.read_text() + "{{nothing}} [a](b.md)\n")
    ran = skills(home, "lint", "one")
    assert ran.returncode == 1
    assert f"{path}:11: error: there is no token {{{{nothing}}}}" in ran.stdout
    rows = [json.loads(line) for line in skills(home, "lint", "--json").stdout.splitlines()]
    assert [(row["line"], row["level"]) for row in rows] == [(11, "error"), (11, "error")]
    assert skills(home, "lint", "two").returncode == 1


def test_skills_and_groups_are_switched_and_comments_stay(home: Path) -> None:
    for name in ("one", "two"):
        skills(home, "new", name, "-d", "Says how to do things well.")
        path = home / f"clients/shared/skills/{name}/SKILL.md"
        path.write_text(path.read_text().replace("---\n\n#", "groups: [both]\n---\n\n#"))
    before = (home / "agentos.toml").read_text()
    assert skills(home, "disable", "one", "--client", "codex").returncode == 0
    assert "codex" not in clients(home)["one"]
    assert skills(home, "list", "-c", "codex").stdout.split()[0] == "two"
    assert len(skills(home, "list", "-g", "both").stdout.splitlines()) == 2
    assert skills(home, "list", "-g", "other").stdout == ""
    assert skills(home, "disable", "both", "--group").returncode == 0
    assert clients(home) == {"one": [], "two": []}
    assert skills(home, "enable", "two").returncode == 0
    assert clients(home)["two"] == ["claude", "codex", "cursor", "gemini", "opencode"]
    assert (home / "agentos.toml").read_text().startswith(before)
    assert skills(home, "enable", "one", "--client", "codex").returncode == 0
    assert clients(home)["one"] == ["codex"]
    assert "did you mean both?" in skills(home, "disable", "bot", "-g").stderr
    assert "did you mean one?" in skills(home, "disable", "ones").stderr


def test_what_is_for_one_client_is_not_given_to_another(home: Path) -> None:
    skills(home, "new", "one", "-d", "Says how to do things well.")
    path = home / "clients/shared/skills/one/SKILL.md"
    path.write_text(path.read_text().replace("---\n\n#", "clients: [claude]\n---\n\n#"))
    assert clients(home) == {"one": ["claude"]}
    assert "for claude alone" in skills(home, "enable", "one", "--client", "codex").stderr


def test_a_client_that_there_is_not_is_named_and_nothing_is_set(home: Path) -> None:
    skills(home, "new", "one", "-d", "Says how to do things well.")
    before = (home / "agentos.toml").read_bytes()
    for words in (("enable", "one"), ("disable", "one"), ("list",)):
        ran = skills(home, *words, "--client", "coedx")
        assert ran.returncode == 1
        assert "there is no client 'coedx'" in ran.stderr
        assert "did you mean codex?" in ran.stderr
    assert (home / "agentos.toml").read_bytes() == before

"""`agentos memory`, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agentos.home.projects import ActiveProjects
from agentos.home.setup import make_home, plan_home
from agentos.hub.settings import load_hub_settings

KEY = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"  # made up


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    make_home(plan_home(place))
    (place / "agentos.toml").write_text('[[projects]]\nname = "site"\npath = "/home/ada/site"\n')
    return place


def memory(home: Path, *words: str, input: str = "") -> subprocess.CompletedProcess[str]:
    places = {
        "HOME": str(home.parent / "user"),
        "AGENTOS_HOME": str(home),
        "AGENTOS_STATE_DIR": str(home.parent / "state"),
    }
    unset = {"CODEX_HOME", "CLAUDE_CONFIG_DIR"}
    return subprocess.run(
        [sys.executable, "-m", "agentos", "memory", *words],
        capture_output=True,
        env={key: value for key, value in os.environ.items() if key not in unset} | places,
        input=input,
        timeout=60,
        text=True,
        check=False,
    )


def rows(ran: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def codex_wrote(home: Path, text: str) -> None:
    path = home.parent / "user/.codex/memories/MEMORY.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_memories_are_added_found_and_promoted(home: Path) -> None:
    ran = memory(home, "add", "tone", "-d", "How to answer", "-t", "feedback", "Briefly.")
    assert ran.stdout == f"{home}/clients/shared/memory/tone.md\n"
    memory(home, "add", "deploy", "-d", "How to deploy", "-p", "site", input="By rsync.\n")
    assert memory(home, "add", "tone", "-d", "x", "y").returncode == 1
    assert [row["name"] for row in rows(memory(home, "list", "--json"))] == ["tone", "deploy"]
    assert "site/deploy" in memory(home, "list").stdout
    assert "deploy" not in memory(home, "list", "--project", "shop").stdout
    assert memory(home, "show", "deploy").stdout.endswith("\n---\n\nBy rsync.\n")
    assert "By rsync." in memory(home, "search", '"by rsync"').stdout
    assert memory(home, "search", "xyzzy").returncode == 1
    assert memory(home, "promote", "site/deploy").returncode == 0
    assert [row["project"] for row in rows(memory(home, "list", "--json"))] == [None, None]
    assert "did you mean tone?" in memory(home, "show", "tones").stderr


def test_what_a_client_wrote_is_promoted(home: Path) -> None:
    note = home.parent / "user/.codex/memories/extensions/ad_hoc/notes/tea.md"
    note.parent.mkdir(parents=True)
    note.write_text(f"Ada takes tea. {KEY}")
    [entry] = rows(memory(home, "list", "--all", "--json"))
    short = str(entry["id"])[:6]
    refused = memory(home, "promote", short)
    assert refused.returncode == 1
    assert f"agentos memory promote {entry['id']} --despite-findings" in refused.stderr
    ran = memory(home, "promote", short, "--despite-findings")
    assert ran.stdout == f"{home}/clients/shared/memory/tea.md\n"
    assert memory(home, "promote", "nothing").returncode == 1


def test_an_id_that_is_too_short_is_told(home: Path) -> None:
    notes = home.parent / "user/.codex/memories/extensions/ad_hoc/notes"
    notes.mkdir(parents=True)
    for n in range(17):  # of 17 ids, two begin alike
        (notes / f"tea-{n}.md").write_text(f"Ada takes tea, cup {n}.")
    initials = [str(entry["id"])[0] for entry in rows(memory(home, "list", "--all", "--json"))]
    shared = next(each for each in initials if initials.count(each) > 1)
    ran = memory(home, "promote", shared)
    assert ran.returncode == 1
    assert f"memories that clients wrote begin with {shared}" in ran.stderr


def test_what_a_client_gets_is_what_its_active_project_has(home: Path) -> None:
    memory(home, "add", "tone", "-d", "How to answer", "Briefly.")
    memory(home, "add", "deploy", "-d", "How to deploy", "-p", "site", "By rsync.")
    assert "deploy" not in memory(home, "list", "--for", "codex").stdout
    assert memory(home, "search", "rsync", "--for", "codex").returncode == 1
    projects = load_hub_settings(home / "agentos.toml").projects
    ActiveProjects(projects, home.parent / "state").use("site", client="codex")
    assert "site/deploy" in memory(home, "list", "--for", "codex").stdout
    assert memory(home, "search", "rsync", "--for", "codex").returncode == 0
    assert "deploy" not in memory(home, "list", "--for", "claude").stdout
    assert memory(home, "list", "--for", "codex", "--project", "site").returncode == 2


def test_secrets_are_not_added(home: Path) -> None:
    ran = memory(home, "add", "key", "-d", "The key", f"It is {KEY}")
    assert ran.returncode == 1
    assert "github-token" in ran.stderr
    assert KEY not in ran.stderr
    assert memory(home, "list").stdout == ""
    added = memory(home, "add", "key", "-d", "The key", f"It is {KEY}", "--despite-findings")
    assert added.returncode == 0


def test_the_index_follows_changes_by_hand(home: Path) -> None:
    memory(home, "add", "tone", "-d", "How to answer", "Briefly.")
    assert memory(home, "index").stdout == "MEMORY.md was up to date\n"
    path = home / "clients/shared/memory/tone.md"
    path.write_text(path.read_text().replace("How to answer", "How to talk"))
    assert memory(home, "index").stdout == "MEMORY.md was changed\n"
    assert "How to talk" in (path.parent / "MEMORY.md").read_text()


def test_what_a_client_wrote_is_reviewed(home: Path) -> None:
    codex_wrote(
        home,
        "# Task Group: site\napplies_to: cwd=/home/ada/site; reuse\n\n## User preferences\n\n"
        f"- no \x1b]0;x\x07 colours\n\n## Reusable knowledge\n\n- key {KEY}\n",
    )
    listed = memory(home, "list", "--all")
    assert [line.split()[2] for line in listed.stdout.splitlines()] == ["codex", "codex"]
    shown = memory(home, "inbox")
    assert "\x1b" not in shown.stdout + listed.stdout
    assert KEY not in shown.stdout
    assert "about site" in shown.stdout
    assert "caution: github-token: - key ***" in shown.stdout
    ids = {str(row["title"]).split(": ")[1]: str(row["id"]) for row in rows(_inbox(home))}
    preferences, knowledge = ids["User preferences"], ids["Reusable knowledge"]
    assert "colours" in memory(home, "show", preferences).stdout
    held = memory(home, "accept", knowledge)
    assert (held.returncode, held.stdout) == (1, "")
    assert KEY not in held.stderr
    assert memory(home, "reject", knowledge, "--reason", "secret").returncode == 0
    accepted = memory(home, "accept", preferences[:6], "--name", "colours", "-t", "user")
    assert accepted.stdout == f"{home}/clients/shared/memory/projects/site/colours.md\n"
    assert rows(_inbox(home)) == []
    assert memory(home, "inbox").stdout == "Nothing waits for review.\n"
    [row] = rows(memory(home, "list", "--json"))
    assert (row["client"], row["type"], row["project"]) == ("codex", "user", "site")


def test_a_broken_memory_is_told_whatever_is_asked_for(home: Path) -> None:
    path = home / "clients/shared/memory/a.md"
    path.write_text("---\ntype: other\n---\nx\n")
    for words in (["list"], ["show", "a"], ["search", "x"], ["inbox"]):
        ran = memory(home, *words)
        assert ran.returncode == 1
        assert f"{path}:2: type: 'other' is none" in ran.stderr


def _inbox(home: Path) -> subprocess.CompletedProcess[str]:
    return memory(home, "inbox", "--json")

"""What Codex, Claude Code and Cursor wrote down, in files as they make them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agentos.memories.clients import written_by_clients
from agentos.memories.clients.entry import Entry, without_sections

HANDBOOK = """\
# Task Group: /home/ada/site deployment

scope: Deploying the site.
applies_to: cwd=/home/ada/site; reuse_rule=this checkout only

## Task 1: Deploy, success

### rollout_summary_files

- rollout_summaries/2026-01-01-abc.md (cwd=/home/ada/site, thread_id=1)

### keywords

- deploy, rsync

## User preferences

- when deploying, the user said: "check the staging first" -> do so [Task 1]

## Reusable knowledge

- The server takes files by rsync only. [Task 1]

# Loose words

Somebody wrote this by hand.
"""


@pytest.fixture
def user(tmp_path: Path) -> Path:
    """A user's home, with nothing in it."""
    return tmp_path


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def entries(user: Path, *projects: Path, **env: str) -> list[Entry]:
    found, unreadable = written_by_clients({"HOME": str(user), **env}, projects)
    assert unreadable == ()
    return list(found)


def test_nothing(user: Path) -> None:
    assert entries(user) == []


def test_codex(user: Path) -> None:
    top = user / ".codex/memories"
    handbook = put(top / "MEMORY.md", HANDBOOK)
    put(top / "memory_summary.md", "v1\n## User Profile\n\nAda.\n")
    put(top / "raw_memories.md", "# Raw\n\n## Thread `1`\ncwd: /home/ada/site\n\nRaw words.\n")
    put(top / "rollout_summaries/2026-abc.md", "thread_id: 1\ncwd: /home/ada/site\n\n# Deployed\n")
    put(top / "extensions/ad_hoc/notes/2026-tea.md", "I take tea.\n")
    put(top / "agentos/tone.md", "What sync put there.\n")
    put(top / ".git/x.md", "Codex's own.\n")
    found = entries(user)
    assert {each.client for each in found} == {"codex"}
    assert [(each.kind, each.title) for each in found] == [
        ("memory", "/home/ada/site deployment: User preferences"),
        ("memory", "/home/ada/site deployment: Reusable knowledge"),
        ("memory", "Loose words"),
        ("note", "2026 tea"),
        ("summary", "Summary"),
        ("raw", "Thread `1`"),
        ("session", "Deployed"),
    ]
    preferences, knowledge, loose, note, *others = found
    assert (preferences.type, knowledge.type, loose.type) == ("feedback", "reference", None)
    assert preferences.project == others[1].project == others[2].project == "/home/ada/site"
    assert (loose.project, note.text) == (None, "I take tea.")
    lines = handbook.read_text().splitlines()
    assert lines[preferences.line - 1] == "## User preferences"
    assert lines[knowledge.line - 1] == "## Reusable knowledge"
    assert lines[loose.line - 1] == "# Loose words"
    assert [each.proposed for each in found] == [True] * 4 + [False] * 3


def test_codex_elsewhere(user: Path) -> None:
    put(user / "elsewhere/memories/MEMORY.md", "# A\n\nWords.\n")
    put(user / ".codex/memories/MEMORY.md", "# B\n\nOther words.\n")
    [found] = entries(user, CODEX_HOME=str(user / "elsewhere"))
    assert found.title == "A"


def test_claude(user: Path) -> None:
    top = user / ".claude"
    memory = top / "projects/-home-ada-site/memory"
    put(memory / "MEMORY.md", "# Memory\n\n- [Tests](tests.md) how to run them\n")
    head = "---\nname: tests\ndescription: How to run them\ntype: feedback\n---\n"
    put(memory / "tests.md", head + "\nWith -x.\n")
    put(memory / "deep/odd.md", "No front matter.\n")
    put(memory / "meta.md", "---\nname: meta\nmetadata:\n  type: user\n---\nAda.\n")
    put(top / "projects/-home-ada-shop/memory/MEMORY.md", "- Prices are in cents.\n")
    found = entries(user)
    assert [(each.title, each.type, each.text, each.project) for each in found] == [
        ("Notes", None, "- Prices are in cents.", "-home-ada-shop"),
        ("odd", None, "No front matter.", "-home-ada-site"),
        ("meta", "user", "Ada.", "-home-ada-site"),
        ("How to run them", "feedback", "With -x.", "-home-ada-site"),
    ]
    assert all(each.client == "claude" and each.proposed for each in found)


def test_claude_instructions_and_what_they_import(user: Path) -> None:
    put(
        user / ".claude/CLAUDE.md",
        "Mine.\n<!-- BEGIN AgentOS: agentos (managed: there) -->\nOurs.\n"
        "<!-- END AgentOS: agentos -->\nSee @style.md and @~/more.md, not `@code.md`, a@b.com\n",
    )
    put(user / ".claude/style.md", "Style. @CLAUDE.md\n")
    put(user / "more.md", "More.\n")
    found = entries(user)
    assert [each.path.name for each in found] == ["CLAUDE.md", "style.md", "more.md"]
    assert "Ours" not in found[0].text
    assert not any(each.proposed for each in found)


def test_cursor(user: Path) -> None:
    site = user / "site"
    put(user / ".cursor/rules/mine.mdc", "---\nalwaysApply: true\n---\nBe brief.\n")
    rule = "---\ndescription: Styles\nglobs: *.css\n---\nNo colours.\n"
    put(site / ".cursor/rules/css.mdc", rule)
    database = user / ".config/Cursor/User/globalStorage/state.vscdb"
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("create table ItemTable (key text primary key, value blob)")
        connection.execute(
            "insert into ItemTable values (?, ?)",
            ("aicontext.personalContext", b"Answer in verse."),
        )
        connection.commit()
    found = entries(user, site)
    assert [(each.kind, each.title, each.project) for each in found] == [
        ("instructions", "User rules", None),
        ("rule", "mine", None),
        ("rule", "css", str(site)),
    ]
    assert found[0].text == "Answer in verse."
    assert found[2].text.endswith("No colours.")  # its front matter is Cursor's own kind of YAML


def test_what_cannot_be_read_is_told_and_the_rest_is_read(user: Path) -> None:
    memory = user / ".claude/projects/p/memory"
    put(memory / "good.md", "Good.\n")
    os.mkfifo(memory / "pipe.md")
    (memory / "big.md").write_bytes(b"x" * 4_000_001)
    (memory / "loop.md").symlink_to("loop.md")
    (memory / "long.md").write_text("x" * 50_001)
    (memory / "odd.md").write_bytes(b"\xff odd")
    database = user / ".config/Cursor/User/globalStorage/state.vscdb"
    put(database, "no database")
    found, unreadable = written_by_clients({"HOME": str(user)})
    assert [each.path.name for each in found] == ["good.md", "odd.md"]
    assert len(unreadable) == 5
    for name in ("pipe.md", "big.md", "loop.md", "long.md", "state.vscdb"):
        assert sum(name in each for each in unreadable) == 1


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\n<!-- BEGIN AgentOS: x (m) -->\nb\n<!-- END AgentOS: x -->\nc", "a\nc"),
        ("<!-- BEGIN AgentOS: x (m) -->\nb\n", None),
        ("<!-- END AgentOS: x -->\nb\n<!-- BEGIN AgentOS: x (m) -->\n", None),
        ("<!-- BEGIN AgentOS: x (m) -->\nb\n<!-- END AgentOS: y -->\n", None),
        ("<!-- BEGIN AgentOS: x (m) -->\n" * 20_000, None),
    ],
)
def test_what_sync_put_there_is_left_out(text: str, kept: str | None) -> None:
    assert without_sections(text) == (text if kept is None else kept)

"""What lint finds, and where."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.skills.conftest import Write

from agentos.skills.lint import lint_skills
from agentos.skills.settings import SkillSettings
from agentos.skills.support import unsupported

KEY = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nv2Bx9Cd4Fg6Hj0SaTePu"  # made up


def found(home: Path, settings: SkillSettings | None = None) -> list[tuple[str, int, str, str]]:
    return [
        (each.path.name, each.line, each.level, each.message)
        for each in lint_skills(home, settings or SkillSettings())
    ]


def test_a_good_skill(home: Path, write: Write) -> None:
    place = write("one", body="[a](more.md#top) ![b](<c.png>) [d](https://x.test/y) `[e](f)`\n")
    (place / "more.md").write_text("```\n[x](y)\n```\n{{client}} {{skills_dir}}/one [a](SKILL.md)")
    (place / "c.png").write_bytes(b"\x89PNG\0")
    assert found(home) == []


@pytest.mark.parametrize(
    ("body", "line", "level", "says"),
    [
        ("[a](more.md)\n", 6, "error", "the link more.md leads to a file that is not there"),
        ("\n[a](../two/x.md)\n", 7, "error", "leads out of the skill"),
        ("{{hub_ulr}}\n", 6, "error", "did you mean hub_url?"),
        ("{{ client }}\n", 6, "warning", "write {{client}}"),
        (f"token: {KEY}\n", 6, "error", "secret (github-token): token: ***"),
        ("", 0, "error", "nothing below the front matter"),
        ("x\n" * 501, 0, "warning", "506 lines are long"),
    ],
)
def test_mistakes(home: Path, write: Write, body: str, line: int, level: str, says: str) -> None:
    write("one", body=body)
    [(name, at, how, message)] = found(home)
    assert (name, at, how) == ("SKILL.md", line, level)
    assert says in message


def test_the_head(home: Path, write: Write) -> None:
    write("one", "name: one\ndescription: Short.\ngroop: a\nclients: [codx]\n")
    assert [(line, level, message.split(":")[0]) for _, line, level, message in found(home)] == [
        (3, "warning", "by so short a description no agent knows when to use the skill"),
        (4, "warning", "no client knows groop"),
        (5, "warning", "there is no client codx"),
    ]


def test_further_files(home: Path, write: Write) -> None:
    place = write("one")
    (place / "page.tmpl").write_text("{{title}}\n")
    (place / "run.sh").write_text("#!/bin/sh\n")
    (place / "big.bin").write_bytes(b"\0" * 1_000_001)
    assert [(name, line, level) for name, line, level, _ in found(home)] == [
        ("big.bin", 0, "warning"),
        ("page.tmpl", 1, "warning"),
        ("run.sh", 1, "warning"),
    ]


def test_all_are_looked_at_whatever_one_of_them_is(home: Path, write: Write) -> None:
    write("one", "name: two\ndescription: x\n")
    write("One", "description: Says how to do things well.\n")
    write("three", body="[a](b)\n")
    assert {(name, line) for name, line, *_ in found(home)} == {
        ("one", 0),  # differs from One in case alone
        ("SKILL.md", 2),
        ("SKILL.md", 1),  # One is no name
        ("SKILL.md", 6),
    }
    assert len(lint_skills(home, SkillSettings(), ["three"])) == 1


def test_a_token_has_to_be_there_for_every_client_that_gets_the_skill(
    home: Path, write: Write
) -> None:
    write("one", body="{{shell}}\n")
    write("two", "description: Says how to do things.\nclients: [codex]\n", "{{shell}}\n")
    settings = SkillSettings(tokens={"shell": {"codex": "bash"}})
    [(_, line, level, message)] = found(home, settings)
    assert (line, level) == (6, "error")
    assert "there is no token {{shell}}" in message


def test_what_is_let_pass(home: Path, write: Write) -> None:
    write("one", body=f"token: {KEY}\n")
    (home / ".agentos-allow-secrets").write_text("clients/shared/skills/one/* github-token\n")
    assert found(home) == []


def test_switches_of_what_is_not_there(home: Path, write: Write) -> None:
    write("one")
    settings = SkillSettings(enabled={"two": False}, clients={"codex": {"group:x": True}})
    assert [message.split(",")[0] for *_, message in found(home, settings)] == [
        "[skills] switches group:x",
        "[skills] switches two",
    ]


def test_what_a_client_cannot_do(home: Path, write: Write) -> None:
    from agentos.skills.reading import load_skills

    write("one", "description: x\nallowed-tools: Read\n", "Do $ARGUMENTS with !`git log`.\n")
    [skill] = load_skills(home)
    assert unsupported(skill, "claude") == ()
    assert [each.split(", which")[0] for each in unsupported(skill, "codex")] == [
        "the skill one says allowed-tools",
        "the skill one has $ARGUMENTS",
        "the skill one has !`commands`",
    ]

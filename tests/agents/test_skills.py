"""What is a skill, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos import Skill
from agentos.agents.guidance import Guidance
from agentos.errors import ConfigInvalid

GOOD = "---\nname: commits\ndescription: How we word commits.\n---\nShort lines.\n"


def test_a_text_is_a_skill() -> None:
    skill = Skill.of(GOOD)
    assert (skill.name, skill.description, skill.text) == (
        "commits",
        "How we word commits.",
        GOOD,
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no front matter\n", "no front matter"),
        ("---\nname: a\ndescription: b\n", "front matter does not end"),
        ("\n---\nname: a\ndescription: b\n---\n", "no front matter"),
        ("---\nname: [\n---\n", "not valid YAML"),
        ("---\n- a\n---\n", "has no keys"),
        ("---\ndescription: b\n---\n", "has no name"),
        ("---\nname: a\n---\n", "'a' has no description"),
        ("---\nname: a\ndescription: ''\n---\n", "'a' has no description"),
        (f"---\nname: a\ndescription: {'b' * 1025}\n---\n", "has 1025 characters"),
        ("---\nname: ../../etc\ndescription: b\n---\n", "cannot be named '../../etc'"),
        ("---\nname: Upper\ndescription: b\n---\n", "cannot be named 'Upper'"),
        ("---\nname: 7\ndescription: b\n---\n", "cannot be named 7"),
        (f"---\nname: {'a' * 65}\ndescription: b\n---\n", "cannot be named"),
    ],
)
def test_a_text_that_is_none(text: str, words: str) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        Skill.of(text)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    place = tmp_path / "commits"
    place.mkdir()
    (place / "SKILL.md").write_text(GOOD)
    return place


def test_a_directory_keeps_bits_and_links(directory: Path) -> None:
    (directory / "bin").mkdir()
    (directory / "bin/go").write_bytes(b"\x7fELF")
    (directory / "bin/go").chmod(0o755)
    (directory / "also").symlink_to("bin")
    skill = Skill.of(str(directory))
    assert skill.files["bin/go"].content == b"\x7fELF"
    assert skill.files["bin/go"].mode & 0o777 == 0o755
    assert skill.files["also"].is_link
    assert sorted(skill.files) == ["also", "bin/go"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "sub/../../outside", "."])
def test_a_link_that_leaves_is_refused(directory: Path, target: str) -> None:
    (directory.parent / "outside").write_text("secret")
    (directory / "sub").mkdir()
    link = directory / "sub/link" if target == "." else directory / "link"
    link.symlink_to("../.." if target == "." else target)
    with pytest.raises(ConfigInvalid, match="link that leaves the skill"):
        Skill.of(directory)


def test_what_is_no_file_is_refused(directory: Path) -> None:
    os.mkfifo(directory / "pipe")
    with pytest.raises(ConfigInvalid, match="neither a file nor a link"):
        Skill.of(directory)


def test_a_directory_that_is_none(tmp_path: Path, directory: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"SKILL\.md: No such file"):
        Skill.of(tmp_path)
    with pytest.raises(ConfigInvalid, match="No such file"):
        Skill.of("commit-style")
    (directory / "SKILL.md").write_text("no front matter")
    with pytest.raises(ConfigInvalid, match=r"commits/SKILL\.md: .*no front matter"):
        Skill.of(directory)


def test_a_skill_md_that_leads_elsewhere_is_refused(directory: Path) -> None:
    (directory.parent / "other.md").write_text(GOOD)
    (directory / "SKILL.md").unlink()
    (directory / "SKILL.md").symlink_to("../other.md")
    with pytest.raises(ConfigInvalid, match="link that leaves the skill"):
        Skill.of(directory)


def test_guidance_is_read(tmp_path: Path, directory: Path) -> None:
    (tmp_path / "AGENTS.md").write_text("Be kind.\n")
    guidance = Guidance.of([directory], tmp_path / "AGENTS.md", ["one"])
    assert guidance.instructions == "Be kind.\n"
    with pytest.raises(ConfigInvalid, match="two skills are named 'commits'"):
        Guidance.of([directory, GOOD])
    with pytest.raises(ConfigInvalid, match="skills= is a list"):
        Guidance.of(GOOD)
    with pytest.raises(ConfigInvalid, match="instructions_file=: cannot read 'AGENTS'"):
        Guidance.of((), "AGENTS")

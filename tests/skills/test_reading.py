"""Skills are read from the AgentOS home; what is wrong is told with file and line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.skills.conftest import Write

from agentos.errors import ConfigInvalid
from agentos.skills.reading import load_skills

GOOD = "name: one\ndescription: Says how to do things well.\n"


def test_a_skill_with_everything(home: Path, write: Write) -> None:
    place = write(
        "commit-style",
        'name: commit-style\ndescription: >-\n  How commits\n  are "written"\n'
        "groups: [git, writing]\nclients: codex\n",
    )
    (place / "scripts").mkdir()
    (place / "scripts/run.sh").write_text("#!/bin/sh\n")
    (place / "__pycache__").mkdir()
    (place / "__pycache__/a.pyc").write_bytes(b"\0")
    (place.parent / "README.md").write_text("no skill")
    (place.parent / ".hidden").mkdir()
    [skill] = load_skills(home)
    assert (skill.name, skill.description) == ("commit-style", 'How commits are "written"')
    assert (skill.groups, skill.clients) == (("git", "writing"), frozenset({"codex"}))
    assert skill.files == ("scripts/run.sh",)


def test_no_skills(tmp_path: Path) -> None:
    assert load_skills(tmp_path / "nowhere") == ()


def test_bom_and_crlf(home: Path, write: Write) -> None:
    place = write("one")
    text = (place / "SKILL.md").read_text()
    (place / "SKILL.md").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    [skill] = load_skills(home)
    assert skill.description == "Says how to do things well, when asked."
    assert skill.text.startswith("---\r\n")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("# Nothing\n", 1, "there is no front matter"),
        ("---\nname: one\n# Nothing\n", 1, "does not end"),
        ("---\nname: one\ndescription: a: b\n---\n", 3, "not valid YAML"),
        ("---\n- one\n---\n", 2, "no keys"),
        ("---\nname: two\ndescription: x\n---\n", 2, "not the directory's, one"),
        ("---\nname: 1\ndescription: x\n---\n", 2, "this is no text"),
        ("---\nname: one\n---\n", 1, "description: there is none"),
        ("---\nname: one\ndescription:\n---\n", 3, "description: there is none"),
        (f"---\nname: one\ndescription: {'x' * 1025}\n---\n", 3, "1025 characters"),
        ("---\nname: one\n\n# a comment\ndescription: x\ngroups: 5\n---\n", 6, "no list of texts"),
        ("---\nname: one\ndescription: x\ngroups: [a b]\n---\n", 4, "no name of a group"),
        ("---\nname: one\ndescription: x\nclients: {a: b}\n---\n", 4, "no list of texts"),
        ("---\nname: one\ndescription: 2026-02-31\n---\n", 2, "not valid YAML"),
        ("---\nname: one\ndescription: " + "[" * 3000 + "\n---\n", 4, "not valid YAML"),
    ],
)
def test_mistakes_name_file_and_line(
    home: Path, write: Write, text: str, line: int, says: str
) -> None:
    path = write("one") / "SKILL.md"
    path.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load_skills(home)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


def test_what_is_no_text_file(home: Path, write: Write) -> None:
    path = write("one") / "SKILL.md"
    path.write_bytes(b"---\nname: one\ndescription: \xff\n---\n")
    with pytest.raises(ConfigInvalid, match=r"SKILL.md:3: this is not UTF-8"):
        load_skills(home)
    path.unlink()
    with pytest.raises(ConfigInvalid, match=r"one has no SKILL.md"):
        load_skills(home)
    os.mkfifo(path)
    with pytest.raises(ConfigInvalid, match="no regular file"):
        load_skills(home)
    path.unlink()
    path.write_bytes(b"x" * 1_000_001)
    with pytest.raises(ConfigInvalid, match="larger than"):
        load_skills(home)


@pytest.mark.parametrize("name", ["One", "a_b", "-a", "a--b", "ä", "x" * 65])
def test_names_that_are_none(home: Path, write: Write, name: str) -> None:
    write(name)
    with pytest.raises(ConfigInvalid, match=r"SKILL.md:2: name: .* is no name of a skill"):
        load_skills(home)


def test_names_that_differ_in_case_alone(home: Path, write: Write) -> None:
    write("one")
    write("One")
    with pytest.raises(ConfigInvalid, match="differ in case alone"):
        load_skills(home)


@pytest.mark.parametrize("target", ["../../../../../secret", "/etc/passwd", "."])
def test_links_do_not_lead_out(home: Path, write: Write, target: str) -> None:
    place = write("one")
    (place / "notes.md").symlink_to(target)
    with pytest.raises(ConfigInvalid, match=r"notes\.md is a link that leads out"):
        load_skills(home)


def test_a_link_inside_is_the_file(home: Path, write: Write) -> None:
    place = write("one")
    (place / "a.md").write_text("a")
    (place / "b.md").symlink_to("a.md")
    assert load_skills(home)[0].files == ("a.md", "b.md")


def test_too_many_files(home: Path, write: Write) -> None:
    place = write("one")
    for number in range(1001):
        (place / f"{number}.txt").touch()
    with pytest.raises(ConfigInvalid, match="more than 1000 files"):
        load_skills(home)

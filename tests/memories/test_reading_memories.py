"""Memories are read from the AgentOS home; what is wrong is told with file and line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.memories.conftest import Write

from agentos.errors import ConfigInvalid
from agentos.memories.memory import Memory
from agentos.memories.reading import find_memory, full_name, load_memories, memories_for


def test_memories_of_everywhere_and_of_projects(home: Path, write: Write) -> None:
    write("editor", type="feedback", more="client: codex\nwritten: 2026-01-31\n")
    write("deploy", type="project", project="site", more="project: site\n")
    write("editor", project="shop", more="written: 2026-01-31T10:00:00+02:00\n")
    (home / "clients/shared/memory/MEMORY.md").write_text("# Memory\n")
    (home / "clients/shared/memory/README.md").write_text("no memory\n")
    (home / "clients/shared/memory/.x.md").write_text("no memory\n")
    memories = load_memories(home)
    assert [full_name(each) for each in memories] == ["editor", "shop/editor", "site/deploy"]
    assert memories[0] == Memory(
        "editor",
        "feedback",
        "About editor",
        "Short lines.",
        client="codex",
        written=datetime(2026, 1, 31, tzinfo=UTC),
    )
    assert memories[1].written == datetime(2026, 1, 31, 8, tzinfo=UTC)
    assert [full_name(each) for each in memories_for(memories, "site")] == ["editor", "site/deploy"]
    assert [full_name(each) for each in memories_for(memories, None)] == ["editor"]


def test_a_memory_is_found_by_its_name(home: Path, write: Write) -> None:
    write("a", project="one")
    write("b", project="one")
    write("b", project="two")
    memories = load_memories(home)
    assert full_name(find_memory(memories, "a.md")) == "one/a"
    assert full_name(find_memory(memories, "two/b")) == "two/b"
    with pytest.raises(ConfigInvalid, match="one of one/b, two/b"):
        find_memory(memories, "b")
    with pytest.raises(ConfigInvalid, match="did you mean two/b"):
        find_memory(memories, "two/bb")


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("Nothing\n", 1, "no front matter"),
        ("---\ndescription: x\n---\nx\n", 1, "type: there is none"),
        ("---\ndescription: x\ntype: other\n---\nx\n", 3, "one of user, feedback"),
        ("---\ntype: user\n---\nx\n", 1, "description: there is none"),
        (f"---\ntype: user\ndescription: {'x' * 301}\n---\nx\n", 3, "301 characters"),
        ("---\ntype: user\ndescription: x\nwritten: soon\n---\nx\n", 4, "no date"),
        ("---\ntype: user\ndescription: x\nproject: site\n---\nx\n", 4, "move it to"),
        ("---\ntype: user\ndescription: x\n---\n\n\n", 5, "nothing below"),
        ("---\ntype: user\ndescription: x\nclient: [a]\n---\nx\n", 4, "no text"),
        ("---\ntype: user\n\ttabbed: x\n---\nx\n", 3, "not valid YAML"),
    ],
)
def test_mistakes_name_file_and_line(
    home: Path, write: Write, text: str, line: int, says: str
) -> None:
    path = write("one")
    path.write_text(text)
    with pytest.raises(ConfigInvalid) as caught:
        load_memories(home)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "ä", "x" * 101])
def test_names_that_are_none(home: Path, write: Write, name: str) -> None:
    write(name)
    with pytest.raises(ConfigInvalid, match="not called as a memory"):
        load_memories(home)


def test_names_that_differ_in_case_alone(home: Path, write: Write) -> None:
    write("one")
    write("One")
    with pytest.raises(ConfigInvalid, match="differ in case alone"):
        load_memories(home)

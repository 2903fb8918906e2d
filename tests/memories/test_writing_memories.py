"""Memories are added and promoted, and the index follows."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.memories.conftest import Write

from agentos.errors import ConfigInvalid
from agentos.memories.files import files
from agentos.memories.index import FILE, update_indexes
from agentos.memories.memory import Memory, MemoryType
from agentos.memories.reading import DIRECTORY, find_memory, load_memories, read_memory
from agentos.memories.writing import add_memory, memory_text, promote_memory

LINES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: text.split() == [text]
)


def test_a_memory_is_added(home: Path) -> None:
    memory = Memory("tone", "feedback", "How: to answer", "Briefly.", written=datetime.now(UTC))
    path = add_memory(home, memory)
    [found] = load_memories(home)
    assert found.written == memory.written.replace(microsecond=0) if memory.written else False
    assert (found.description, found.text) == ("How: to answer", "Briefly.")
    assert path == home / DIRECTORY / "tone.md"
    assert "- [tone](tone.md) (feedback): How: to answer" in (home / DIRECTORY / FILE).read_text()
    with pytest.raises(ConfigInvalid, match="is there already"):
        add_memory(home, Memory("Tone", "user", "x", "y"))


@pytest.mark.parametrize(
    "memory",
    [
        Memory("a/b", "user", "x", "y"),
        Memory("..", "user", "x", "y"),
        Memory("MEMORY", "user", "x", "y"),
        Memory("a", "user", "x", "y", project="../x"),
        Memory("a", "user", "", "y"),
        Memory("a", "user", "x", " "),
    ],
)
def test_what_is_no_memory_is_not_added(home: Path, memory: Memory) -> None:
    with pytest.raises(ConfigInvalid):
        add_memory(home, memory)
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_memory_of_a_project_comes_to_hold_everywhere(home: Path, write: Write) -> None:
    old = write("tone", project="site", more="project: site\nclient: codex\nmood: calm\n")
    path = promote_memory(home, find_memory(load_memories(home), "tone"))
    assert not old.exists()
    assert path.read_text() == (
        "---\ntype: user\ndescription: About tone\nclient: codex\nmood: calm\n---\n\nShort lines.\n"
    )
    [found] = load_memories(home)
    assert found.project is None
    with pytest.raises(ConfigInvalid, match="holds everywhere already"):
        promote_memory(home, found)
    write("tone", project="site")
    with pytest.raises(ConfigInvalid, match="is there already"):
        promote_memory(home, find_memory(load_memories(home), "site/tone"))
    assert len(load_memories(home)) == 2


def test_the_rest_of_the_index_is_the_users(home: Path, write: Write) -> None:
    path = home / DIRECTORY / FILE
    path.write_text("# Mine\n\nMy words.\n")
    write("a")
    write("b", project="site")
    assert update_indexes(home)
    assert not update_indexes(home)
    first = path.read_text()
    assert first.startswith("# Mine\n\nMy words.\n\n<!-- BEGIN AgentOS: index -->\n- [a](a.md)")
    assert "## In the project site\n\n- [b](projects/site/b.md) (user): About b\n" in first
    path.write_text(first + "More of mine.\n")
    write("c")
    assert update_indexes(home)
    assert path.read_text().endswith("\nMore of mine.\n")
    assert path.read_text().count("BEGIN AgentOS") == 1


def test_no_description_ends_the_index(home: Path, write: Write) -> None:
    add_memory(home, Memory("a", "user", "<!-- END AgentOS: index --> x", "y"))
    add_memory(home, Memory("b", "user", "Other", "y"))
    assert (home / DIRECTORY / FILE).read_text().count("[a](a.md)") == 1


def test_an_index_that_cannot_be_made_takes_nothing_away(home: Path, write: Write) -> None:
    broken = write("broken")
    broken.write_text("---\n---\n")
    with pytest.raises(ConfigInvalid, match=str(broken)):
        add_memory(home, Memory("a", "user", "x", "y"))
    assert [path.name for path in (home / DIRECTORY).iterdir()] == ["broken.md"]


def test_of_many_who_add_the_same_name_one_does(home: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from agentos.errors import ConfigInvalid
from agentos.memories.memory import Memory
from agentos.memories.writing import add_memory
home, number = Path({str(home)!r}), sys.argv[1]
add_memory(home, Memory("own-" + number, "user", "x", number))
try:
    add_memory(home, Memory("same", "user", "x", number))
except ConfigInvalid as error:
    assert error.code == "memory_exists", error
else:
    print("added")
"""
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(n)], stdout=subprocess.PIPE)
        for n in range(6)
    ]
    said = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0] * 6
    assert sorted(said) == [b""] * 5 + [b"added\n"]
    assert (home / DIRECTORY / FILE).read_text().count("\n- [") == 7


def test_files_for_clients(home: Path, write: Write) -> None:
    write("a")
    write("b", project="site")
    found = files(load_memories(home))
    assert set(found) == {"MEMORY.md", "a.md", "projects/site/b.md"}
    assert b"[b](projects/site/b.md)" in found["MEMORY.md"]
    assert files([]) == {}


@settings(deadline=None)
@given(
    st.sampled_from(["user", "feedback", "project", "reference"]),
    st.lists(LINES, min_size=1, max_size=5).map(" ".join).filter(lambda text: len(text) <= 300),
    st.lists(LINES, min_size=1, max_size=5).map("\n".join),
    st.none() | st.sampled_from(["codex", "yes", "1", "a: b"]),
)
def test_a_written_memory_reads_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    type: MemoryType,
    description: str,
    text: str,
    client: str | None,
) -> None:
    path = tmp_path_factory.mktemp("memory") / "a.md"
    memory = Memory("a", type, description, text, None, client)
    path.write_bytes(memory_text(memory).encode())
    assert read_memory(path) == memory

"""Files for an agent in a machine where the user has files too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from stat import S_IFREG

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos.agents.provisions import Provisions, Section
from agentos.errors import ConfigInvalid
from agentos.machine.patch import Entry
from agentos.testing.host_machine import HostMachine


@pytest.fixture
async def machine() -> AsyncIterator[HostMachine]:
    async with HostMachine() as host:
        yield host


def provisions(machine: HostMachine, *sections: Section, **files: bytes) -> Provisions:
    named = {f"skills/s/{n}": Entry(S_IFREG | 0o755, text) for n, text in files.items()}
    return Provisions(str(machine.home), named, ["skills/s"], sections)


async def test_files_of_ours_are_replaced_and_go(machine: HostMachine) -> None:
    place = machine.home / "skills/s"
    await provisions(machine, a=b"1", b=b"2").write(machine)
    (place / "mine").write_text("mine")
    await provisions(machine, a=b"3").write(machine)
    assert {p.name: p.read_text() for p in place.iterdir()} == {"a": "3", "mine": "mine"}
    assert (place / "a").stat().st_mode & 0o777 == 0o755


async def test_a_file_of_the_users_is_never_overwritten(machine: HostMachine) -> None:
    await provisions(machine, a=b"1", b=b"2").write(machine)
    place = machine.home / "skills/s"
    (place / "a").write_text("changed")
    (place / "b").write_text("changed too")
    section = Section(str(machine.home / "AGENTS.md"), "instructions", "x")
    with pytest.raises(ConfigInvalid, match="skills/s/a is in the machine already"):
        await provisions(machine, section, a=b"2", c=b"3").write(machine)
    assert sorted(p.name for p in place.iterdir()) == ["a", "b"]
    assert not (machine.home / "AGENTS.md").exists()
    (place / "a").unlink()
    await provisions(machine, a=b"2").write(machine)
    assert (place / "b").read_text() == "changed too", "what the user changed is the user's"


async def test_a_directory_or_a_link_in_the_way(machine: HostMachine) -> None:
    place = machine.home / "skills/s"
    (place / "a").mkdir(parents=True)
    with pytest.raises(ConfigInvalid, match="skills/s/a is in the machine already"):
        await provisions(machine, a=b"1").write(machine)
    (machine.home / "precious").write_text("precious")
    (place / "b").symlink_to(machine.home / "precious")
    with pytest.raises(ConfigInvalid, match="skills/s/b is in the machine already"):
        await provisions(machine, b=b"1").write(machine)
    assert (machine.home / "precious").read_text() == "precious"


async def test_two_at_once_lose_nothing(machine: HostMachine) -> None:
    path = str(machine.home / "AGENTS.md")
    await asyncio.gather(
        *(
            provisions(machine, Section(path, f"part{n}", f"text {n}")).write(machine)
            for n in range(9)
        )
    )
    text = (machine.home / "AGENTS.md").read_text()
    assert [f"text {n}\n" in text for n in range(9)] == [True] * 9


@given(st.binary(max_size=40), st.binary(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_a_section_changes_nothing_else(before: bytes, after: bytes, one: str, two: str) -> None:
    first = Section("f", "notes", one).within(before)
    assert first.startswith(before)
    ours = first[len(before) :]
    second = Section("f", "notes", two).within(first + after)
    assert second.startswith(before)
    assert second.endswith(after)
    assert Section("f", "notes", one).within(second) == before + ours + after


@pytest.mark.parametrize(
    "marks", ["begin -->", "end -->", "end --> <!-- agentos:notes begin -->", "begin -->" * 2]
)
def test_damaged_marks_are_left_alone(marks: str) -> None:
    with pytest.raises(ConfigInvalid, match="damaged marks"):
        Section("AGENTS.md", "notes", "x").within(f"a <!-- agentos:notes {marks} b".encode())


def test_a_text_with_marks_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="marks in them"):
        Section("AGENTS.md", "notes", "x <!-- agentos:notes end --> y")

"""Files for an agent in a machine where the user has files too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from stat import S_IFLNK, S_IFREG

import pytest

from agentos.agents.provisions import Provisions, Section
from agentos.errors import ConfigInvalid
from agentos.machine.patch import Entry
from agentos.sessions.providing import provide
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
    await provide(machine, provisions(machine, a=b"1", b=b"2"))
    (place / "mine").write_text("mine")
    await provide(machine, provisions(machine, a=b"3"))
    assert {p.name: p.read_text() for p in place.iterdir()} == {"a": "3", "mine": "mine"}
    assert (place / "a").stat().st_mode & 0o777 == 0o755


async def test_a_file_of_the_users_is_never_overwritten(machine: HostMachine) -> None:
    await provide(machine, provisions(machine, a=b"1", b=b"2"))
    place = machine.home / "skills/s"
    (place / "a").write_text("changed")
    (place / "b").write_text("changed too")
    section = Section(str(machine.home / "AGENTS.md"), "instructions", "x")
    with pytest.raises(ConfigInvalid, match="skills/s/a is in the machine already"):
        await provide(machine, provisions(machine, section, a=b"2", c=b"3"))
    assert sorted(p.name for p in place.iterdir()) == ["a", "b"]
    assert not (machine.home / "AGENTS.md").exists()
    (place / "a").unlink()
    await provide(machine, provisions(machine, a=b"2"))
    assert (place / "b").read_text() == "changed too", "what the user changed is the user's"


async def test_a_directory_or_a_link_in_the_way(machine: HostMachine) -> None:
    place = machine.home / "skills/s"
    (place / "a").mkdir(parents=True)
    with pytest.raises(ConfigInvalid, match="skills/s/a is in the machine already"):
        await provide(machine, provisions(machine, a=b"1"))
    (machine.home / "precious").write_text("precious")
    (place / "b").symlink_to(machine.home / "precious")
    with pytest.raises(ConfigInvalid, match="skills/s/b is in the machine already"):
        await provide(machine, provisions(machine, b=b"1"))
    assert (machine.home / "precious").read_text() == "precious"


async def test_two_at_once_lose_nothing(machine: HostMachine) -> None:
    path = str(machine.home / "AGENTS.md")
    await asyncio.gather(
        *(
            provide(machine, provisions(machine, Section(path, f"part{n}", f"text {n}")))
            for n in range(9)
        )
    )
    text = (machine.home / "AGENTS.md").read_text()
    assert [f"text {n}\n" in text for n in range(9)] == [True] * 9


async def test_a_section_changes_nothing_else(machine: HostMachine) -> None:
    file = machine.home / "AGENTS.md"
    file.write_bytes(b"before\r\n\r\nafter")
    for text in ("one", "two\nlines", "one"):
        await provide(machine, provisions(machine, Section(str(file), "notes", text)))
        found = file.read_bytes()
        assert found.startswith(b"before\r\n\r\nafter")
        assert text.encode().replace(b"\n", b"\r\n") in found
    assert b"two" not in found
    file.write_bytes(found.replace(b"one", b"of the agent"))
    await provide(machine, provisions(machine, Section(str(file), "notes", "three")))
    assert b"three" in file.read_bytes()
    assert b"of the agent" not in file.read_bytes()


async def test_what_is_asked_for_again_is_there_again(machine: HostMachine) -> None:
    section = Section(str(machine.home / "AGENTS.md"), "notes", "text")
    await provide(machine, provisions(machine, section, a=b"1"))
    (machine.home / "skills/s/a").unlink()
    (machine.home / "AGENTS.md").unlink()
    await provide(machine, provisions(machine, section, a=b"1"))
    assert (machine.home / "skills/s/a").read_text() == "1"
    assert "text" in (machine.home / "AGENTS.md").read_text()


async def test_other_skills_stay(machine: HostMachine) -> None:
    for name in ("one", "two"):
        files = {f"skills/{name}/SKILL.md": Entry(S_IFREG | 0o644, name.encode())}
        await provide(machine, Provisions(str(machine.home), files, [f"skills/{name}"]))
    found = {path.parent.name: path.read_text() for path in machine.home.rglob("SKILL.md")}
    assert found == {"one": "one", "two": "two"}


async def test_links_are_kept_and_go(machine: HostMachine) -> None:
    def with_links(**links: str) -> Provisions:
        files = {"skills/s/a": Entry(S_IFREG | 0o755, b"1")}
        files |= {
            f"skills/s/{name}": Entry(S_IFLNK | 0o777, to.encode()) for name, to in links.items()
        }
        return Provisions(str(machine.home), files, ["skills/s"])

    place = machine.home / "skills/s"
    await provide(machine, with_links(one="a", two="sub/../a"))
    (place / "mine").symlink_to("a")
    await provide(machine, with_links(two="a"))
    assert sorted(path.name for path in place.iterdir()) == ["a", "mine", "two"]
    assert str((place / "two").readlink()) == "a"
    (place / "two").unlink()
    (place / "two").symlink_to("mine")
    with pytest.raises(ConfigInvalid, match="skills/s/two is in the machine already"):
        await provide(machine, with_links(two="other"))
    assert str((place / "two").readlink()) == "mine"


def test_a_text_with_marks_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="marks in them"):
        Section("AGENTS.md", "notes", "x <!-- END AgentOS: notes --> y")

"""Keeping an agent's own files: what grows, what is written anew, and what no host should hold."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agentos.sessions.transcripts import kept_files
from agentos.sessions.transcripts.kept_files import KeptFiles
from agentos.testing.host_machine import HostMachine


@pytest.fixture(autouse=True)
def _own_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENTOS_DATA_DIR", str(tmp_path))


@pytest.fixture
async def machine() -> AsyncIterator[HostMachine]:
    async with HostMachine() as host:
        yield host


def write(machine: HostMachine, path: str, text: str) -> None:
    (machine.home / path).parent.mkdir(parents=True, exist_ok=True)
    (machine.home / path).write_text(text)


async def put_back(machine: HostMachine) -> dict[str, str]:
    """Lose the machine's files, put back what was kept; return what is there then."""
    for path in machine.home.rglob("*"):
        if path.is_file():
            path.unlink()
    await KeptFiles("s").put_back(machine)
    found = [path for path in machine.home.rglob("*") if path.is_file()]
    return {str(path.relative_to(machine.home)): path.read_text() for path in found}


async def test_files_are_found_by_their_pattern(machine: HostMachine) -> None:
    for path in ("a/x/s.jsonl", "a/y/s.jsonl", "a/y/other.jsonl", "b/s.jsonl", "map.json"):
        write(machine, path, path)
    patterns = [f"{machine.home}/a/*/s.jsonl", f"{machine.home}/m*p.json", "/no/*/such"]
    await KeptFiles("s").keep(machine, patterns)
    assert sorted(await put_back(machine)) == ["a/x/s.jsonl", "a/y/s.jsonl", "map.json"]


async def test_a_pattern_of_many_stars_keeps_nobody_busy(machine: HostMachine) -> None:
    write(machine, "a" * 200, "x")
    write(machine, "?[a]-1", "y")
    stars = f"{machine.home}/{'a*' * 40}b"
    await KeptFiles("s").keep(machine, [stars, f"{machine.home}/?[a]*"])
    assert await put_back(machine) == {"?[a]-1": "y"}


async def test_files_are_found_by_what_they_begin_with(machine: HostMachine) -> None:
    write(machine, "a/mine.jsonl", '{"session":"s"}\n')
    write(machine, "b/other.jsonl", '{"session":"t"}\n')
    write(machine, "b/late.jsonl", "x" * 10_000 + '{"session":"s"}\n')
    pattern = f'{machine.home}/*/*.jsonl#"session":"s"'
    await KeptFiles("s").keep(machine, [pattern, f"{machine.home}/a/mine.jsonl"])
    assert list(await put_back(machine)) == ["a/mine.jsonl"]


@pytest.mark.parametrize("name", ["grows.jsonl", "database"])
async def test_what_has_changed_is_kept_anew(machine: HostMachine, name: str) -> None:
    pattern = [f"{machine.home}/{name}"]
    old = "line\n" * 1000
    for text in (old, old + "more\n", "LINE\n" + old[5:] + "more\n", "short\n"):
        write(machine, name, text)
        if name == "grows.jsonl" and text.startswith("LINE"):
            continue  # an agent that says so does not write there
        await KeptFiles("s").keep(machine, pattern)
        assert await put_back(machine) == {name: text}


async def test_a_file_that_is_gone_is_forgotten_unless_all_are(machine: HostMachine) -> None:
    patterns = [f"{machine.home}/{name}" for name in ("store", "store-wal")]
    write(machine, "store", "one")
    write(machine, "store-wal", "two")
    await KeptFiles("s").keep(machine, patterns)
    (machine.home / "store-wal").unlink()
    await KeptFiles("s").keep(machine, patterns)
    assert await put_back(machine) == {"store": "one"}
    (machine.home / "store").unlink()
    await KeptFiles("s").keep(machine, patterns)
    assert await put_back(machine) == {"store": "one"}


async def test_a_file_of_the_machine_is_not_replaced(machine: HostMachine) -> None:
    write(machine, "map.json", "kept")
    await KeptFiles("s").keep(machine, [f"{machine.home}/map.json"])
    write(machine, "map.json", "newer")
    await KeptFiles("s").put_back(machine)
    assert (machine.home / "map.json").read_text() == "newer"


async def test_more_than_a_host_should_hold_is_refused(
    machine: HostMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_files, "MOST_BYTES", 100)
    monkeypatch.setattr(kept_files, "MOST_FILES", 3)
    write(machine, "large", "x" * 101)
    with pytest.raises(OSError, match="larger"):
        await KeptFiles("s").keep(machine, [f"{machine.home}/large"])
    for n in range(4):
        write(machine, f"many/{n}", "x")
    with pytest.raises(OSError, match="more than 3"):
        await KeptFiles("s").keep(machine, [f"{machine.home}/many/*"])
    with pytest.raises(OSError, match="without"):
        await KeptFiles("s").keep(machine, [f"{machine.home}/many/../large"])

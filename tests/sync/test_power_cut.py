"""The power is cut at any step: what was not settled may be lost, and each file is old or new."""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.sync.conftest import Place

from agentos.sync.desired import Desired, OwnedFile, OwnedKeys, OwnedSection
from agentos.sync.host_files import HostFiles
from agentos.sync.journal import Journal
from agentos.sync.run import Sync
from agentos.sync.state import State
from agentos.sync.store import Store
from agentos.sync.target import FileState
from agentos.testing.memory_files import MemoryFiles

HOME = Path("/home/me")
TORN = FileState(b"\0\0\0", owner=(1000, 1000))  # of a file whose content was not settled


class PowerCut(BaseException):
    """Nothing runs after it."""


class Power:
    """Counts steps, and from one on there is no other."""

    def __init__(self) -> None:
        self._left: float = math.inf

    def lasts(self, steps: int) -> None:
        self._left = steps

    def use(self) -> None:
        self._left -= 1
        if self._left <= 0:
            raise PowerCut


class Disk(MemoryFiles):
    """Files of which only what was settled is sure to outlast a loss of power."""

    def __init__(self, power: Power) -> None:
        super().__init__()
        self.power = power
        self.lasting: dict[Path, FileState] = {}
        self.lasting_directories = {Path("/"): 0o755}
        self._settled: set[tuple[Path, str]] = set()

    def look(self, path: Path) -> FileState | None:
        self.power.use()
        return super().look(path)

    def make_directory(self, path: Path, mode: int) -> None:
        self.power.use()
        super().make_directory(path, mode)

    def stage(self, path: Path, state: FileState, suffix: str) -> None:
        self.power.use()
        super().stage(path, state, suffix)

    def settle(self, paths: Iterable[Path], suffix: str = "") -> None:
        for path in paths:
            self.power.use()
            if suffix:
                self._settled.add((path, suffix))
            elif path in self.directories:
                self.lasting_directories[path] = self.directories[path]
            elif path in self.there:
                self.lasting[path] = self.there[path]
            else:
                self.lasting.pop(path, None)

    def place(self, path: Path, suffix: str) -> None:
        self.power.use()
        super().place(path, suffix)
        if (path, suffix) not in self._settled:
            self.there[path] = TORN

    def unstage(self, path: Path, suffix: str) -> None:
        self.power.use()
        super().unstage(path, suffix)

    def remove(self, path: Path) -> None:
        self.power.use()
        super().remove(path)

    def remove_directory(self, path: Path) -> bool:
        self.power.use()
        return super().remove_directory(path)

    def after_the_cut(self, chance: random.Random) -> MemoryFiles:
        """What is found when the power is back."""
        left = MemoryFiles()
        for path in {**self.directories, **self.lasting_directories}:
            if path in self.lasting_directories or chance.random() < 0.5:
                left.directories[path] = 0o755
        for path in {**self.there, **self.lasting}:
            kept = self.there if chance.random() < 0.5 else self.lasting
            there = all(each in left.directories for each in path.parents)
            if path in kept and there:
                left.there[path] = kept[path]
        return left


@dataclass(frozen=True)
class PoweredStore(Store):
    """Sync's own files, which are settled as they are written."""

    power: Power = field(default_factory=Power)

    def begin(self, backup: object, journal: Journal) -> None:
        self.power.use()
        super().begin(backup, journal)  # type: ignore[arg-type]

    def save(self, state: State) -> None:
        self.power.use()
        super().save(state)

    def end(self) -> None:
        self.power.use()
        super().end()


def desired(word: str) -> Desired:
    names = ("kept", "gone") if word == "old" else ("kept", "made/deep")
    skills = (OwnedFile(HOME / "skills" / name / "SKILL.md", word.encode()) for name in names)
    keys = OwnedKeys(HOME / "config.toml", "toml", {("a",): word}, marked=True)
    section = OwnedSection(HOME / "AGENTS.md", "guide", word)
    return Desired("codex", (keys, section, *skills), roots=(HOME / "skills",))


def push(sync: Sync, word: str) -> None:
    with sync.alone("push"):
        sync.apply(sync.plan([desired(word)]))


def cut(directory: Path, verb: str, step: int, seed: int, when: str) -> MemoryFiles | None:
    """Run the verb and cut the power before a step; None if it came through."""
    power = Power()
    disk = Disk(power)
    sync = Sync(PoweredStore(directory, power), disk)
    for word in ("old", "new") if verb == "undo" else ("old",):
        push(sync, word)
    power.lasts(step)
    try:
        with sync.alone(verb):
            if verb == "undo":
                sync.undo()
            else:
                sync.apply(sync.plan([desired("new")]))
    except PowerCut:
        power.lasts(1_000_000)
        if when == "after the next sync":  # the step was the end of the process alone
            with sync.alone("check"):
                pass
        return disk.after_the_cut(random.Random(seed))
    return None


def contents(files: MemoryFiles) -> dict[Path, bytes]:
    return {path: state.content for path, state in files.there.items()}


@pytest.mark.parametrize("verb", ["push", "undo"])
@pytest.mark.parametrize("when", ["then", "after the next sync"])
@pytest.mark.parametrize("seed", range(4))
def test_each_file_is_old_or_new_and_the_next_sync_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, seed: int, when: str
) -> None:
    monkeypatch.setattr("os.fsync", lambda fd: None)  # sync's own directory is no part of it
    whole = {word: MemoryFiles() for word in ("old", "new")}
    for word, files in whole.items():
        push(Sync(Store(tmp_path / word), files), word)
    before, after = map(contents, whole.values() if verb == "push" else reversed(whole.values()))
    wanted = "new" if verb == "push" else "old"
    for step in range(1, 10_000):
        state = tmp_path / str(step)
        left = cut(state, verb, step, seed, when)
        if left is None:
            assert step > 30
            return
        found = contents(left)
        for path in before | after | found:
            assert found.get(path) in (before.get(path), after.get(path)), (step, path)
        sync = Sync(Store(state), left)
        plan = sync.plan([desired(wanted)])
        assert plan.conflicts == (), step
        assert {each.moved for each in plan.changes} <= {"source"}, step
        push(sync, wanted)
        assert contents(left) == after, step
    raise AssertionError("it never came through")


def test_files_and_the_names_that_lead_to_them_are_settled(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few files are settled one by one: contents while they are staged, and each directory once."""
    settled: list[str] = []
    monkeypatch.setattr("os.fsync", lambda fd: settled.append(os.readlink(f"/proc/self/fd/{fd}")))
    real, home = place.write("dotfiles/real.md", "mine\n"), place.home
    (home / "link.md").symlink_to(real)
    gone, made = place.write("old/gone.md", "old"), home / "new/deep"
    gone.unlink()
    made.mkdir(parents=True)
    HostFiles().settle([home / "link.md", gone, made])
    assert sorted(settled) == sorted(map(str, {home, real.parent, gone.parent, made.parent}))

    settled.clear()
    HostFiles().stage(home / "link.md", FileState(b"new\n"), ".x")
    HostFiles().settle([home / "link.md"], ".x")
    assert settled[0] == str(real.parent / ".real.md.x")
    assert str(real.parent) in settled

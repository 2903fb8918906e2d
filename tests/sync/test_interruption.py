"""A sync that is killed at any step: each file is old or new, and the next sync goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.sync.conftest import Place, Tree, tree

from agentos.sync.desired import Desired, OwnedFile, OwnedKeys, OwnedSection
from agentos.sync.run import Sync
from agentos.sync.store import Store

#: A process without threads, so that it can fork one child for each step.
ALL = "import sys; from tests.sync.test_interruption import die_at_all; die_at_all(*sys.argv[1:])"
CHANGING = ("replace", "unlink", "rmdir", "mkdir", "fsync", "fchmod")


def old(home: Path) -> Desired:
    return _desired(home, "old", ("kept", "gone"))


def new(home: Path) -> Desired:
    return _desired(home, "new", ("kept", "made/deep"))


def _desired(home: Path, word: str, names: tuple[str, ...]) -> Desired:
    files = (OwnedFile(home / "skills" / name / "SKILL.md", word.encode()) for name in names)
    return Desired(
        "codex",
        (
            OwnedKeys(home / "config.toml", "toml", {("a", "b"): word}, marked=True),
            OwnedSection(home / "AGENTS.md", "guide", word),
            *files,
        ),
        roots=(home / "skills",),
    )


def begin(top: Path, verb: str) -> Sync:
    """Make a home in which the old state is deployed; if it is to be undone, the new one too."""
    (top / "home").mkdir(parents=True)
    (top / "home/config.toml").write_text("# mine\n")
    (top / "home/config.toml").chmod(0o600)
    sync = Sync(Store(top / "state"))
    for desired in (old, new) if verb == "undo" else (old,):
        push(sync, desired(top / "home"))
    return sync


def push(sync: Sync, desired: Desired) -> None:
    with sync.alone("push"):
        sync.apply(sync.plan([desired]))


def die_at_all(directory: str, verb: str) -> None:
    """Run the verb again and again, each time killed one step later, until it comes through."""
    os.fsync = lambda fd: None  # a kill loses nothing that was written
    for fatal in count(1):
        top = Path(directory, str(fatal))
        sync = begin(top, verb)
        child = os.fork()
        if child == 0:
            _die(sync, top / "home", verb, fatal)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 0:
            return
        assert status == -signal.SIGKILL


def _die(sync: Sync, home: Path, verb: str, fatal: int) -> None:
    """Run the verb, and be killed before a call that changes the file system."""
    calls = count(1)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*args: Any, **kwargs: Any) -> Any:
            if next(calls) == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counting

    with sync.alone(verb):
        plan = sync.plan([new(home)])
        for name in CHANGING:
            setattr(os, name, counted(getattr(os, name)))
        if verb == "undo":
            sync.undo()
        else:
            sync.apply(plan)


def _files(found: Tree) -> Tree:
    return {name: (content, mode) for name, (content, mode) in found.items() if content}


@pytest.mark.parametrize("verb", ["push", "undo"])
def test_killed_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    subprocess.run(
        [sys.executable, "-c", ALL, str(tmp_path), verb],
        check=True,
        cwd=Path(__file__).parents[2],
        timeout=120,
    )
    monkeypatch.setattr("os.fsync", lambda fd: None)
    steps = sorted(tmp_path.iterdir())
    assert len(steps) > 25
    before, after = _expected(tmp_path / "expected", verb)
    for top in steps:
        _check(top, verb, before, after)


def _expected(top: Path, verb: str) -> tuple[Tree, Tree]:
    sync = begin(top, "push")
    before = _files(tree(top / "home"))
    push(sync, new(top / "home"))
    after = _files(tree(top / "home"))
    return (before, after) if verb == "push" else (after, before)


def _check(top: Path, verb: str, before: Tree, after: Tree) -> None:
    """Each file is old or new; what is remembered fits; the verb, once more, ends the work."""
    home, sync = top / "home", Sync(Store(top / "state"))
    found = {name: each for name, each in _files(tree(home)).items() if ".agentos-" not in name}
    for name in before.keys() | after.keys() | found.keys():
        assert found.get(name) in (before.get(name), after.get(name)), name
    wanted = new(home) if verb == "push" else old(home)
    assert sync.plan([wanted]).conflicts == ()
    assert {each.moved for each in sync.plan([wanted]).changes} <= {"source"}
    with sync.alone("push"):
        assert not [name for name in tree(home) if ".agentos-" in name]
        sync.apply(sync.plan([wanted]))
    assert _files(tree(home)) == after
    with sync.alone("undo"):
        while sync.state.last:
            sync.undo()
    assert tree(home) == {"config.toml": (b"# mine\n", 0o600)}


def test_an_error_in_the_middle_takes_all_back(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.push(*old(place.home).owned, roots=[place.home / "skills"])
    before = tree(place.home)
    real, calls = place.sync.files.place, []

    def failing(path: Path, suffix: str) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(path, suffix)

    monkeypatch.setattr("agentos.sync.host_files.HostFiles.place", lambda _, *args: failing(*args))
    with pytest.raises(KeyboardInterrupt):
        place.push(*new(place.home).owned, roots=[place.home / "skills"])
    assert tree(place.home) == before
    assert not (place.sync.store.directory / "pending.json").exists()
    assert place.push(*new(place.home).owned, roots=[place.home / "skills"]) == 2

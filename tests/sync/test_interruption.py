"""A sync that is killed at any step: each file is old or new, and the next sync goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.sync.conftest import Place, Tree, tree

from agentos.sync.desired import Desired, OwnedFile, OwnedKeys, OwnedSection
from agentos.sync.run import Sync
from agentos.sync.store import Store

#: Counts the calls that change the file system, and kills itself before the one it is told.
DYING = """
import os, signal, sys
from pathlib import Path
from tests.sync.test_interruption import new, old
from agentos.sync.run import Sync
from agentos.sync.store import Store

top, verb, fatal = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
count = 0

def counted(call):
    def counting(*args, **kwargs):
        global count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **kwargs)
    return counting

sync = Sync(Store(top / "state"))
with sync.alone(verb):
    plan = sync.plan([new(top / "home")])
    for name in ("replace", "unlink", "rmdir", "mkdir", "fsync", "fchmod", "symlink"):
        setattr(os, name, counted(getattr(os, name)))
    if verb == "undo":
        sync.undo()
    else:
        sync.apply(plan)
print(count)
"""


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


def _begin(top: Path) -> Sync:
    (top / "home").mkdir(parents=True)
    (top / "home/config.toml").write_text("# mine\n")
    (top / "home/config.toml").chmod(0o600)
    sync = Sync(Store(top / "state"))
    with sync.alone("push"):
        sync.apply(sync.plan([old(top / "home")]))
    return sync


def _files(found: Tree) -> Tree:
    return {name: (content, mode) for name, (content, mode) in found.items() if content}


@pytest.mark.parametrize("verb", ["push", "undo"])
def test_killed_at_every_step(tmp_path: Path, verb: str) -> None:
    fatal = 0
    finished = False
    while not finished:
        fatal += 1
        top = tmp_path / str(fatal)
        sync = _begin(top)
        before = tree(top / "home")
        with sync.alone("push"):
            sync.apply(sync.plan([new(top / "home")]))
        after = tree(top / "home")
        if verb == "undo":
            before, after = after, before
        else:
            with sync.alone("undo"):
                sync.undo()
        ran = subprocess.run(
            [sys.executable, "-c", DYING, str(top), verb, str(fatal)],
            capture_output=True,
            cwd=Path(__file__).parents[2],
            text=True,
            timeout=60,
            check=False,
        )
        finished = ran.returncode == 0
        assert finished or ran.returncode == -9, ran.stderr
        _check(top, sync, verb, _files(before), _files(after))
    assert fatal > 15


def _check(top: Path, sync: Sync, verb: str, before: Tree, after: Tree) -> None:
    """Each file is old or new; what is remembered fits; the verb, once more, ends the work."""
    home = top / "home"
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

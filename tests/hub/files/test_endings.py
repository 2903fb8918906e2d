"""A verb that is cancelled, or run by an ordinary user, leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Footprint
from tests.hub.files.ground import Ground, leftovers

from agentos.errors import FileRefused
from agentos.hub.files.files import ConfinedFiles
from agentos.hub.files.ripgrep import MOST_CANDIDATES

SPARE = 65533
STEPS = 40


async def cancelled_after(steps: int, work: Coroutine[Any, Any, object]) -> bool:
    """Let work go on for some turns of the event loop, cancel it, and tell whether it ended so."""
    task = asyncio.ensure_future(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


@pytest.mark.parametrize("ripgrep", [True, False])
async def test_a_cancelled_search(ripgrep: bool, ground: Ground, files: ConfinedFiles) -> None:
    for number in range(200):
        (ground.root / f"f{number}").write_text("needle\n" * 50)
    await files.search("needle", ripgrep=ripgrep)  # what stays with the process is there now
    before = Footprint.now()
    ended = [
        await cancelled_after(steps, files.search("needle", ripgrep=ripgrep, limit=10_000))
        for steps in range(STEPS)
    ]
    assert any(ended)
    left = Footprint.now().grown_since(before)
    assert left == []


async def test_ripgrep_is_ended_once_there_is_enough(ground: Ground, files: ConfinedFiles) -> None:
    for number in range(MOST_CANDIDATES + 3000):
        (ground.root / f"{number:05}-{'x' * 200}").write_text("needle\n")
    before = Footprint.now()
    found = await files.search("needle", limit=10)
    assert (found.matches, len(found.files), found.truncated) == (10, 10, True)
    assert Footprint.now().grown_since(before) == []
    alone = await files.search("needle", limit=10, ripgrep=False)
    assert [file.path[:5] for file in alone.files] == [f"{number:05}" for number in range(10)]


async def test_a_cancelled_write(ground: Ground, files: ConfinedFiles) -> None:
    path = ground.root / "f"
    old, new = "old\n" * 100_000, "new\n" * 100_000
    path.write_text(old)
    before = Footprint.now()
    for steps in range(STEPS):
        done = not await cancelled_after(steps, files.write("f", new))
        assert path.read_text() == new if done else path.read_text() in (old, new)
        path.write_text(old)
    assert leftovers(ground.root) == []
    assert Footprint.now().grown_since(before) == []


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Be someone else than root."""
    os.setegid(SPARE)
    os.seteuid(SPARE)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that everyone may write in."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o777)
    yield place
    shutil.rmtree(place)


async def test_an_ordinary_user(shared: Path, openat2: bool) -> None:
    (shared / "theirs").write_text("old")
    (shared / "theirs").chmod(0o666)
    (shared / "secret").write_text("needle")
    (shared / "secret").chmod(0o600)
    (shared / "closed").mkdir(mode=0o700)
    (shared / "closed/f").write_text("needle")
    files = ConfinedFiles([shared], openat2=openat2)
    try:
        with ordinary_user():
            await files.write("theirs", "new")
            for path in ("secret", "closed/f"):
                with pytest.raises(FileRefused) as caught:
                    await files.read(path)
                assert caught.value.code == "permission_denied"
            with pytest.raises(FileRefused) as caught:
                await files.write("closed/new", "x")
            assert caught.value.code == "permission_denied"
            for ripgrep in (True, False):
                assert (await files.search("needle", ripgrep=ripgrep)).files == []
            listed = await files.list(recursive=True)
            assert [entry.path for entry in listed.entries] == ["closed", "secret", "theirs"]
    finally:
        files.close()
    now = (shared / "theirs").stat()
    assert (now.st_uid, now.st_mode & 0o777) == (SPARE, 0o666)
    assert leftovers(shared) == []

"""Another process swaps links in, all the time, and nothing outside is read or written."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hub.files.ground import SECRET, Ground, leftovers

from agentos.errors import FileRefused
from agentos.hub.files.files import ConfinedFiles

SWAPPER = Path(__file__).with_name("swapper.py")
ROUNDS = 450
#: What is read in each path inside; outside the same names hold the secret.
PATHS = ("directory/file", "file", "a/b/file", "other")


@pytest.fixture
def swapped(ground: Ground) -> Iterator[Ground]:
    """A root in which a process swaps what is inside with links out of it."""
    (ground.outside / "file").write_text(SECRET)
    (ground.outside / "new").mkdir()
    for path in PATHS:
        place = ground.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("inside")
    (ground.root.parent / "file").write_text(SECRET)  # where `a/link-up` leads
    with subprocess.Popen(
        [sys.executable, SWAPPER, ground.root, ground.outside],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"swapping\n"
        yield ground
        assert process.poll() is None, "it swapped to the end"
        assert process.stdin is not None
        process.stdin.close()


async def test_nothing_outside_is_read_or_written(swapped: Ground, files: ConfinedFiles) -> None:
    before = swapped.state_outside()
    above = (swapped.root.parent / "file").read_text()
    outcomes: Counter[str] = Counter()
    said: set[str] = set()
    for number in range(ROUNDS):
        for path in PATHS:
            try:
                text = (await files.read(path)).text
                assert text is not None
                assert SECRET not in text
                outcomes["read"] += 1
                await files.write(path, f"inside {number}")
                outcomes["written"] += 1
                await files.replace(path, "inside", "inside,")
                outcomes["replaced"] += 1
                await files.write(path.replace("file", f"new/{number % 7}"), "x", mkdirs=True)
                outcomes["made"] += 1
            except FileRefused as refused:
                outcomes[refused.code] += 1
                said.add(str(refused))
        if number % 50 == 0:
            for ripgrep in (True, False):
                found = await files.search(".", ripgrep=ripgrep, context=1)
                assert SECRET not in found.model_dump_json()
                outcomes["searched"] += 1
    assert swapped.state_outside() == before
    assert (swapped.root.parent / "file").read_text() == above
    assert {path.name for path in swapped.outside.rglob("*")} == {"new", "secret", "file"}
    assert not any(SECRET in message for message in said)
    assert leftovers(swapped.root.parent) == []
    assert outcomes["path_outside_roots"], outcomes
    assert outcomes["hard_linked"], outcomes
    assert outcomes["made"], outcomes
    assert "io_error" not in outcomes

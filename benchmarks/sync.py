"""Sync: 200 skills and 500 memories for three clients; each figure is of a whole process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from measure import Figure, interleave, main, median_figure, yardstick

from agentos.memories.memory import Memory
from agentos.memories.reading import memory_path
from agentos.memories.writing import memory_text

ROUNDS = 10
SKILLS, MEMORIES = 200, 500
AGENTOS = [sys.executable, "-c", "from agentos.cli.entry import main; main()"]


class Place:
    """A user's home with an AgentOS home, and clients without anything."""

    def __init__(self, top: Path, skills: int = SKILLS, memories: int = MEMORIES) -> None:
        self.env = os.environ | {"HOME": str(top), "PATH": os.defpath}
        for name in ("AGENTOS_HOME", "AGENTOS_STATE_DIR", "CODEX_HOME", "CLAUDE_CONFIG_DIR"):
            self.env.pop(name, None)
        top.mkdir()
        self.top = top
        self.home = top / "AgentOS"
        subprocess.run([*AGENTOS, "init"], env=self.env, check=True, capture_output=True)
        for n in range(skills):
            skill = self.home / "clients/shared/skills" / f"skill-{n}"
            skill.mkdir()
            head = f"---\nname: skill-{n}\ndescription: The skill {n}.\n---\n"
            (skill / "SKILL.md").write_text(head + "Do this.\n" * 40)
        for n in range(memories):
            memory = Memory(f"memory-{n}", "project", f"What {n} is.", "It is so.\n" * 20)
            memory_path(self.home, memory.name).write_text(memory_text(memory))

    async def push(self) -> float:
        return self.run("push")

    async def check(self) -> float:
        return self.run("check")

    async def first_check(self) -> float:
        """Run a check that cannot go by the one before, and reads every file."""
        (self.top / ".agentos/sync/check/last.json").write_bytes(b"")
        return self.run("check")

    def run(self, verb: str) -> float:
        """Run `agentos sync VERB`, the whole process; return the seconds."""
        start = time.perf_counter()
        subprocess.run([*AGENTOS, "sync", verb], env=self.env, check=True, capture_output=True)
        return time.perf_counter() - start


class NewPlaces:
    """Homes in which nothing is deployed.

    They are kept until all is measured: an ext4 without a journal steps over every inode that was
    removed in the last minutes, which makes a new file ten times as dear.
    """

    def __init__(self, top: Path) -> None:
        self._names = (top / str(number) for number in count())

    async def push(self) -> float:
        return Place(next(self._names)).run("push")


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory)
        place, small = Place(top / "full"), Place(top / "small", skills=0, memories=0)
        for each in (place, small):
            each.run("push")
        bare, (new, unchanged, check, large, first) = await interleave(
            ROUNDS,
            NewPlaces(top).push,
            place.push,
            small.check,
            place.check,
            place.first_check,
        )
    what = f"{SKILLS} skills and {MEMORIES} memories, three clients"
    return [
        yardstick(bare),
        median_figure(f"agentos sync push of {what}: all new", new, bare, most=1500),
        median_figure(f"agentos sync push of {what}: unchanged", unchanged, bare, most=400),
        median_figure("agentos sync check of a new home", check, bare, most=200),
        median_figure(f"agentos sync check of {what}, again", large, bare, most=200),
        median_figure("the same after a change, when every file is read", first, bare),
    ]


if __name__ == "__main__":
    main(measure, __doc__)

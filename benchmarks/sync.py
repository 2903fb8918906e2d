"""Sync: 200 skills and 500 memories for three clients, all new and unchanged; a whole `check`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from measure import Figure, interleave, main, median_figure, yardstick

from agentos.memories.memory import Memory
from agentos.sync.clients import CLIENTS
from agentos.sync.desired import Desired
from agentos.sync.loading import load_source
from agentos.sync.run import Sync
from agentos.sync.store import Store

ROUNDS = 10
SKILLS, MEMORIES = 200, 500
NAMES = ("codex", "claude", "cursor")
AGENTOS = [sys.executable, "-c", "from agentos.cli.entry import main; main()"]


class Place:
    """A user's home with an AgentOS home, and clients without anything."""

    def __init__(self, top: Path, skills: int = SKILLS, memories: int = MEMORIES) -> None:
        self.env = os.environ | {"HOME": str(top), "PATH": os.defpath}
        for name in ("AGENTOS_HOME", "AGENTOS_STATE_DIR", "CODEX_HOME", "CLAUDE_CONFIG_DIR"):
            self.env.pop(name, None)
        self.home = top / "AgentOS"
        subprocess.run([*AGENTOS, "init"], env=self.env, check=True, capture_output=True)
        for n in range(skills):
            skill = self.home / "clients/shared/skills" / f"skill-{n}"
            skill.mkdir()
            head = f"---\nname: skill-{n}\ndescription: The skill {n}.\n---\n"
            (skill / "SKILL.md").write_text(head + "Do this.\n" * 40)
        self.memories = tuple(
            Memory(f"memory-{n}", "project", f"What {n} is.", "It is so.\n" * 20)
            for n in range(memories)
        )
        self.sync = Sync(Store(top / ".agentos/sync"))

    def desired(self) -> list[Desired]:
        source = replace(load_source(self.home, env=self.env), memories=self.memories)
        return [CLIENTS[name].desired(source, CLIENTS[name].places(self.env)) for name in NAMES]

    def push(self) -> float:
        """Push, from reading the AgentOS home on; return the seconds."""
        start = time.perf_counter()
        with self.sync.alone("push"):
            self.sync.apply(self.sync.plan(self.desired()))
        return time.perf_counter() - start

    async def push_again(self) -> float:
        seconds = self.push()
        assert self.sync.state.last == 1
        return seconds

    async def check(self) -> float:
        return seconds_of_check(self.env, 1)  # the memories are not in that home


async def push_new() -> float:
    with tempfile.TemporaryDirectory() as top:
        return Place(Path(top)).push()


def seconds_of_check(env: Mapping[str, str], code: int) -> float:
    """Run `agentos sync check`, the whole process."""
    start = time.perf_counter()
    ran = subprocess.run([*AGENTOS, "sync", "check"], env=env, check=False, capture_output=True)
    seconds = time.perf_counter() - start
    assert ran.returncode == code, ran.stderr
    return seconds


class Small(Place):
    """A home with what every home begins with."""

    def __init__(self, top: Path) -> None:
        super().__init__(top, skills=0, memories=0)
        subprocess.run([*AGENTOS, "sync", "push"], env=self.env, check=True, capture_output=True)

    async def check(self) -> float:
        return seconds_of_check(self.env, 0)


async def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as top, tempfile.TemporaryDirectory() as other:
        place, small = Place(Path(top)), Small(Path(other))
        place.push()
        bare, (new, unchanged, check, large) = await interleave(
            ROUNDS, push_new, place.push_again, small.check, place.check
        )
    what = f"{SKILLS} skills and {MEMORIES} memories, three clients"
    return [
        yardstick(bare),
        median_figure(f"push of {what}: all new", new, bare, most=1500),
        median_figure(f"push of {what}: unchanged", unchanged, bare, most=400),
        median_figure("agentos sync check of a new home, the whole process", check, bare, most=200),
        median_figure(f"agentos sync check of {what}", large, bare),
    ]


if __name__ == "__main__":
    main(measure, __doc__)

"""Twenty sessions with the real Codex at once, one turn each, beside twenty bare `codex exec`."""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path

from codex import SAID, PlayedModel, environment, stage
from measure import Figure, main

from agentos import AgentOs

SESSIONS = 20
ROUNDS = 5
MOST_RATIO = 1.2


async def one_exec(program: str, home: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(program, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"),
        "Answer.",
        cwd=home,
        env=environment(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    said, _ = await process.communicate()
    assert SAID in said.decode(), said


async def one_session(vm: AgentOs, model: PlayedModel) -> None:
    async with await vm.create_session("codex", provider=model) as session:
        result = await session.prompt("Answer.")
    assert result.text == SAID, result


async def at_once(program: str, home: Path) -> float:
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(SESSIONS):
            group.create_task(one_exec(program, home))
    return time.perf_counter() - start


async def sessions_at_once(vm: AgentOs, model: PlayedModel) -> float:
    start = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(SESSIONS):
            group.create_task(one_session(vm, model))
    return time.perf_counter() - start


async def measure() -> list[Figure]:
    async with stage() as (program, home, model), AgentOs() as vm:
        await one_exec(program, home)
        await one_session(vm, model)
        runs = [
            (await at_once(program, home), await sessions_at_once(vm, model)) for _ in range(ROUNDS)
        ]
    bare = statistics.median(alone for alone, _ in runs)
    return [
        Figure(
            f"{SESSIONS} sessions at once, one turn each, all ended",
            statistics.median(ours for _, ours in runs),
            "s",
            f"median of {ROUNDS}; as many bare codex exec {bare:.2f} s",
            statistics.median(ours / alone for alone, ours in runs),
            most_ratio=MOST_RATIO,
        )
    ]


if __name__ == "__main__":
    main(measure, __doc__)

"""A session with the real Codex beside the bare `codex app-server`: its start, words and memory."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

from codex import BareCodex, PlayedModel, stage
from measure import Figure, interleave, main, median_figure

from agentos import AgentOs, MachinePool

ROUNDS = 30
POOL_ROUNDS = 20
REST = 1.0  # seconds for the pool to fill up
TURNS = 50
AT_ONCE = 8
MOST_RATIO = 1.15
MOST_FROM_POOL = 60.0
MOST_TO_EVENT = 5.0
MOST_MB = 3.0


async def bare_thread(program: str, home: Path) -> float:
    """Return the seconds until a new `codex app-server` has begun a thread."""
    codex = BareCodex(program, home)
    start = time.perf_counter()
    await codex.start()
    await codex.open_thread()
    seconds = time.perf_counter() - start
    await codex.end()
    return seconds


async def session(vm: AgentOs, model: PlayedModel) -> float:
    start = time.perf_counter()
    made = await vm.create_session("codex", provider=model)
    seconds = time.perf_counter() - start
    await made.close()
    return seconds


async def from_pool(model: PlayedModel) -> list[float]:
    """Return the seconds of `create_session` in machines in which an agent is ready."""
    found = []
    async with MachinePool(1, agent="codex") as pool:
        for _ in range(POOL_ROUNDS):
            await asyncio.sleep(REST)
            async with await pool.take() as vm:
                found.append(await session(vm, model))
    return found


async def to_first_event(vm: AgentOs, model: PlayedModel) -> list[float]:
    """Return the seconds from the model's first byte to the first event, of turn by turn."""
    found = []
    async with await vm.create_session("codex", provider=model) as made:
        for _ in range(TURNS):
            async for event in made.prompt("Answer."):
                if event.type == "agent_message_chunk":
                    found.append(time.perf_counter() - model.spoke)
                    break
            await made.cancel()
    return found


async def bare_to_first_event(program: str, home: Path, model: PlayedModel) -> list[float]:
    """Return the same of the bare program: until its first piece of text is read."""
    codex = BareCodex(program, home)
    await codex.start()
    thread = await codex.open_thread()
    found = []
    for _ in range(TURNS):
        text = [{"type": "text", "text": "Answer."}]
        await codex.request("turn/start", {"threadId": thread, "input": text})
        while (method := (await codex.read())["method"]) != "item/agentMessage/delta":
            pass
        found.append(time.perf_counter() - model.spoke)
        while method != "turn/completed":
            method = (await codex.read())["method"]
    await codex.end()
    return found


async def memory(vm: AgentOs, program: str, home: Path, model: PlayedModel) -> Figure:
    """Measure sessions and bare programs that live at the same time, and so share alike."""
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback((await vm.create_session("codex", provider=model)).close)
        before, others = _pss([os.getpid()]), _below(os.getpid())
        for _ in range(AT_ONCE):
            stack.push_async_callback((await vm.create_session("codex", provider=model)).close)
        ours = _below(os.getpid()) - others
        gc.collect()
        host = _pss([os.getpid()]) - before
        bare = [BareCodex(program, home) for _ in range(AT_ONCE)]
        for codex in bare:
            stack.push_async_callback(codex.end)
            await codex.start()
            await codex.open_thread()
        inside = _pss(ours)
        alone = _pss(codex.process.pid for codex in bare)
    above = (inside + host - alone) / AT_ONCE / 1e6
    spread = (
        f"mean of {AT_ONCE}: processes {inside / AT_ONCE / 1e6:.1f}, in this process "
        f"{host / AT_ONCE / 1e6:.1f}, bare {alone / AT_ONCE / 1e6:.1f}"
    )
    return Figure(
        "memory of a session above the bare program, PSS", above, "MB", spread, most=MOST_MB
    )


def _below(pid: int) -> set[int]:
    """Return the processes below one; those that end while we look are of no interest."""
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found |= {child} | _below(child)
    return found


def _pss(pids: Iterable[int]) -> int:
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


async def measure() -> list[Figure]:
    async with stage() as (program, home, model), AgentOs() as vm:
        _, (bare, ours) = await interleave(
            ROUNDS, lambda: bare_thread(program, home), lambda: session(vm, model)
        )
        pooled = await from_pool(model)
        bare_words = await bare_to_first_event(program, home, model)
        words = await to_first_event(vm, model)
        return [
            median_figure("codex app-server, bare: initialize, thread/start", bare, bare),
            median_figure('create_session("codex")', ours, bare, most_ratio=MOST_RATIO),
            median_figure("the same with an agent ready", pooled, pooled, most=MOST_FROM_POOL),
            Figure(
                "from the model's first byte to the first event",
                statistics.median(words) * 1e3,
                "ms",
                f"{len(words)} turns; bare {statistics.median(bare_words) * 1e3:.2f}",
                most=MOST_TO_EVENT,
            ),
            await memory(vm, program, home, model),
        ]


if __name__ == "__main__":
    main(measure, __doc__)

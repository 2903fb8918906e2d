"""Output that is kept: read again, by many, from anywhere, and no more of it than was asked."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from agentos.errors import MachineError
from agentos.machine.machine import AgentOs
from agentos.machine.output_log import OutputChunk
from agentos.machine.process import Process

ISOLATIONS = ("namespace", "gvisor")


async def all_of(process: Process, after: int = 0) -> list[OutputChunk]:
    return [chunk async for chunk in process.output(after)]


def text(chunks: list[OutputChunk], stream: str) -> bytes:
    return b"".join(chunk.data for chunk in chunks if chunk.stream == stream)


async def test_output_is_replayed_from_any_number(vm: AgentOs) -> None:
    process = await vm.spawn("echo one; echo two >&2; read x; echo $x", keep_output=2**20)
    assert process.stdout is None
    assert process.stdin is not None
    chunks = []
    async for chunk in process.output():
        chunks.append(chunk)
        if text(chunks, "stdout") + text(chunks, "stderr") == b"one\ntwo\n":
            break
    process.stdin.write(b"three\n")
    first, again = await asyncio.gather(all_of(process), all_of(process))
    assert await process.wait() == 0
    assert first == again == process.read_output() == await all_of(process)
    assert [chunk.seq for chunk in first] == list(range(1, len(first) + 1))
    assert (text(first, "stdout"), text(first, "stderr")) == (b"one\nthree\n", b"two\n")
    assert process.read_output(after=first[-2].seq) == first[-1:]
    assert process.read_output(after=first[-1].seq) == []
    assert process.read_output(after=99) == []


async def test_only_the_end_is_kept_and_the_command_never_waits(vm: AgentOs) -> None:
    process = await vm.spawn("head -c 5000000 /dev/zero; echo end", keep_output=100_000)
    assert await process.wait() == 0
    kept = await all_of(process)
    assert sum(len(chunk.data) for chunk in kept) <= 100_000
    assert text(kept, "stdout").endswith(b"\0end\n")
    assert kept[0].seq > 1  # what came before is gone, and this says so
    process.close()
    assert process.read_output() == kept


async def test_who_follows_hears_that_the_machine_ended(vm: AgentOs) -> None:
    process = await vm.spawn("echo on; exec sleep 1000", keep_output=100)
    following = process.output()
    assert (await anext(following)).data == b"on\n"
    waiting = asyncio.ensure_future(anext(following))
    await asyncio.sleep(0)
    assert vm.channel.init_pid
    os.kill(vm.channel.init_pid, signal.SIGKILL)
    with pytest.raises(MachineError):
        await waiting
    assert process.read_output()[0].data == b"on\n"


async def test_output_that_is_not_kept(vm: AgentOs) -> None:
    async with await vm.spawn(["cat"]) as process:
        with pytest.raises(ValueError, match="keep_output"):
            process.read_output()
    with pytest.raises(ValueError, match="at least one byte"):
        await vm.spawn(["cat"], keep_output=0)
    while await vm.processes():
        await asyncio.sleep(0)

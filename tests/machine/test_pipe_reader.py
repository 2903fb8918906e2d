"""A command's output, read in large pieces past the buffer and in small ones through it."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from agentos import AgentOs
from agentos.machine.pipe_reader import PipeReader

PIPE = 64 * 1024
LARGE = 2**18


@asynccontextmanager
async def a_pipe(limit: int = 2**16) -> AsyncIterator[tuple[PipeReader, int]]:
    """A reader, and the end to write to."""
    ours, theirs = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    reader = PipeReader(ours, limit)
    try:
        yield reader, theirs
    finally:
        reader.close()
        os.close(theirs)


async def test_every_byte_in_order_however_it_is_read(vm: AgentOs) -> None:
    script = "import os, random; random.seed(7); os.write(1, b'first\\n')\n"
    script += "for _ in range(400): os.write(1, random.randbytes(random.randrange(1, 60_000)))"
    random.seed(7)
    whole = b"".join(random.randbytes(random.randrange(1, 60_000)) for _ in range(400))
    sizes = random.Random(3)
    seen = hashlib.sha256()
    async with await vm.spawn(["python3", "-c", script]) as process:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"first\n"
        left = len(whole)
        while left > 2 * LARGE:
            chunk = await process.stdout.read(sizes.choice([1, 100, 20_000, LARGE]))
            seen.update(chunk)
            left -= len(chunk)
        exact = await process.stdout.readexactly(50_000)
        rest = await process.stdout.read()
        seen.update(exact + rest)
        assert await process.stdout.read(LARGE) == b""
        assert process.stdout.at_eof()
    assert seen.digest() == hashlib.sha256(whole).digest()


async def test_a_cancelled_read_loses_nothing() -> None:
    async with a_pipe() as (reader, end):
        for n in range(50):
            reading = asyncio.ensure_future(reader.read(LARGE))
            await asyncio.sleep(0)
            os.write(end, b"%d\n" % n)
            if n % 2:
                await asyncio.sleep(0)  # so that it may have come already
            reading.cancel()
            done = (await asyncio.gather(reading, return_exceptions=True))[0]
            line = await reader.readline() if isinstance(done, BaseException) else done
            assert line == b"%d\n" % n


async def test_who_reads_without_end_lets_others_go_on() -> None:
    async with a_pipe() as (reader, end):
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.ensure_future(count())
        for _ in range(300):
            os.write(end, bytes(4096))
            assert len(await reader.read(LARGE)) == 4096  # always there: it never has to wait
        counting.cancel()
        assert turns > 3


async def test_two_tasks_do_not_read_one_stream() -> None:
    async with a_pipe() as (reader, end):
        first = asyncio.ensure_future(reader.read(LARGE))
        await asyncio.sleep(0)
        for other in (reader.read(LARGE), reader.readline()):
            with pytest.raises(RuntimeError, match="already waiting"):
                await other
        os.write(end, b"for the first")
        assert await first == b"for the first"


async def test_two_tasks_may_read_it_in_turn() -> None:
    async with a_pipe() as (reader, end):
        lock = asyncio.Lock()
        seen = []

        async def read_some() -> None:
            for _ in range(50):
                async with lock:
                    seen.append(await reader.read(LARGE))

        readers = [asyncio.ensure_future(read_some()) for _ in range(2)]
        for n in range(100):
            os.write(end, b"%d" % n)
            while len(seen) <= n:
                await asyncio.sleep(0)
        await asyncio.gather(*readers)
        assert seen == [b"%d" % n for n in range(100)]


async def test_the_next_reader_may_come_before_the_last_one_has_seen_its_bytes() -> None:
    async with a_pipe() as (reader, end):
        first = asyncio.ensure_future(reader.read(LARGE))
        await asyncio.sleep(0)
        os.write(end, b"one")
        reader._on_readable()
        second = asyncio.ensure_future(reader.read(LARGE))
        await asyncio.sleep(0)
        assert await first == b"one"
        os.write(end, b"two")
        assert await second == b"two"


async def test_who_waits_when_it_is_closed_sees_the_end() -> None:
    async with a_pipe() as (reader, _):
        reading = asyncio.ensure_future(reader.read(LARGE))
        await asyncio.sleep(0)
        reader.close()
        assert await reading == b""
        assert await reader.read(LARGE) == b""


async def test_what_nobody_reads_waits_in_the_pipe() -> None:
    async with a_pipe(limit=2**16) as (reader, end):
        written = 0
        for _ in range(200):
            try:
                written += os.write(end, bytes(2**16))
            except BlockingIOError:
                pass
            await asyncio.sleep(0)
        assert 2 * 2**16 <= written <= 5 * 2**16
        while written:
            written -= len(await reader.read(LARGE))


async def test_a_pipe_that_is_read_in_bulk_is_enlarged() -> None:
    async with a_pipe() as (reader, end):
        before = fcntl.fcntl(end, fcntl.F_GETPIPE_SZ)
        reading = asyncio.ensure_future(reader.read(LARGE))
        await asyncio.sleep(0)
        assert os.write(end, bytes(before)) == before
        assert len(await reading) == before
        assert fcntl.fcntl(end, fcntl.F_GETPIPE_SZ) > before


async def test_a_fast_command_that_stops_for_a_while_is_heard_again() -> None:
    async with a_pipe() as (reader, end):
        for size in (PIPE, 4096, PIPE, 1):
            reading = asyncio.ensure_future(reader.read(LARGE))
            await asyncio.sleep(0)  # it waits: nothing is there yet
            os.write(end, bytes(size))
            assert len(await reading) == size


async def test_what_a_fast_command_writes_is_buffered_when_its_reader_turns_away() -> None:
    async with a_pipe() as (reader, end):
        os.write(end, bytes(PIPE))
        assert len(await reader.read(LARGE)) == PIPE
        os.write(end, b"one\ntwo\n")
        assert await reader.read(LARGE) == b"one\ntwo\n"  # without the event loop
        waiting = asyncio.ensure_future(reader.readline())
        await asyncio.sleep(0)
        os.write(end, b"three\nfour\n")
        assert await waiting == b"three\n"
        assert await reader.readline() == b"four\n"

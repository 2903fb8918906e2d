"""Have files read: here in a thread, or, when there is much, by processes."""

from __future__ import annotations

import asyncio
import os
import pickle
import sys
import threading
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

from agentos.errors import AgentOsError
from agentos.usage.reading.wire import FRAME, unpacked
from agentos.usage.reading.work import Job, Piece, read

#: From how many bytes on it is worth to start processes.
MUCH = 64 << 20
_PROCESSES = 2
_CALLS = 20_000  # in one delivery, or waiting for it, about
_FILES = 500
_PIPED = 1 << 20  # bytes that wait to be taken
#: Faster than to have Python look for the module and run it as a program; nothing in it that
#: refers to itself is ever let go.
_WORKER = "import gc; gc.disable(); from agentos.usage.reading.worker import main; main()"


Deliver = Callable[[list[Piece]], Awaitable[None]]


async def read_all(jobs: Sequence[tuple[Job, int]], deliver: Deliver) -> None:
    """Read files.

    Args:
        jobs: Each with about how many bytes there are to read.
        deliver: Takes some pieces at a time, in the order of each file.

    Raises:
        AgentOsError: A process that reads died.
    """
    if sum(size for _, size in jobs) < MUCH:
        await _in_a_thread([job for job, _ in jobs], deliver)
        return
    try:
        await _in_processes(_shares(jobs), deliver)
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


async def _in_a_thread(jobs: Sequence[Job], deliver: Deliver) -> None:
    stopped = threading.Event()
    pieces = chain.from_iterable(read(job, stopped=stopped.is_set) for job in jobs)
    while True:
        taking = asyncio.ensure_future(asyncio.to_thread(_take, pieces, stopped))
        try:
            taken = await asyncio.shield(taking)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.wait((taking,))
            raise
        if not taken:
            return
        await deliver(taken)


class _Waiting:
    """Pieces that were read and not yet written down."""

    def __init__(self, readers: int) -> None:
        self._readers = readers
        self._pieces: list[Piece] = []
        self._calls = 0
        self._changed = asyncio.Condition()

    async def put(self, piece: Piece) -> None:
        """Add a piece, once there is room."""
        async with self._changed:
            await self._changed.wait_for(self._has_room)
            self._pieces.append(piece)
            self._calls += piece.size
            self._changed.notify_all()

    async def end(self) -> None:
        """Say that one of those who read is done."""
        async with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    async def take(self) -> list[Piece]:
        """Return what is there, as soon as there is something; nothing at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._pieces or not self._readers)
            taken, self._pieces, self._calls = self._pieces, [], 0
            self._changed.notify_all()
            return taken

    def _has_room(self) -> bool:
        return self._calls < _CALLS and len(self._pieces) < _FILES


async def _in_processes(shares: Sequence[list[Job]], deliver: Deliver) -> None:
    waiting = _Waiting(len(shares))
    async with asyncio.TaskGroup() as tasks:
        for share in shares:
            tasks.create_task(_receive(share, waiting))
        while pieces := await waiting.take():
            await deliver(pieces)


def _take(pieces: Iterator[Piece], stopped: threading.Event) -> list[Piece]:
    taken: list[Piece] = []
    calls = 0
    for piece in pieces:
        taken.append(piece)
        calls += piece.size
        if calls >= _CALLS or len(taken) >= _FILES or stopped.is_set():
            break
    return taken


def _shares(jobs: Sequence[tuple[Job, int]]) -> list[list[Job]]:
    """Split jobs into parts of about the same size, each in the order of the whole.

    That is mostly the order of time, in which the ledger's indexes grow fastest.
    """
    shares: list[list[int]] = [[] for _ in range(_PROCESSES)]
    sizes = [0] * _PROCESSES
    for place in sorted(range(len(jobs)), key=lambda place: jobs[place][1], reverse=True):
        least = sizes.index(min(sizes))
        shares[least].append(place)
        sizes[least] += jobs[place][1]
    return [[jobs[place][0] for place in sorted(share)] for share in shares if share]


@asynccontextmanager
async def _worker() -> AsyncIterator[Process]:
    source = str(Path(__file__).parents[3])
    known = os.environ.get("PYTHONPATH")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _WORKER),
        stdin=PIPE,
        stdout=PIPE,
        limit=_PIPED,
        process_group=0,  # Ctrl-C is for this process, which ends it
        env={**os.environ, "PYTHONPATH": f"{source}:{known}" if known else source},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await asyncio.shield(process.wait())


async def _receive(jobs: list[Job], waiting: _Waiting) -> None:
    async with _worker() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(pickle.dumps(jobs))
            await process.stdin.drain()
            process.stdin.close()
            while head := await process.stdout.read(FRAME.size):
                if len(head) < FRAME.size:
                    head += await process.stdout.readexactly(FRAME.size - len(head))
                (size,) = FRAME.unpack(head)
                await waiting.put(unpacked(await process.stdout.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # its exit status tells
        status = await process.wait()
    if status:
        raise AgentOsError(
            f"a process that reads records of use ended with status {status}",
            code="reader_died",
            hint="run it again: what was read is kept",
            retryable=True,
        )
    await waiting.end()

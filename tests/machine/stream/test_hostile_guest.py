"""A guest that somebody has taken over says what it likes: the host bears it, or ends it."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator

import pytest
from tests.conftest import Footprint

from agentos.errors import MachineError
from agentos.machine.launch import Launch
from agentos.machine.process import ExecResult, run
from agentos.machine.processes import ProcessInfo, list_processes, look
from agentos.machine.protocol import ExecFlag, Kind, Op
from agentos.machine.spawning import spawn
from agentos.machine.stream import StreamBridge
from agentos.machine.stream.frames import PIPE_MAX, WINDOW, Frame, FrameKind, FrameReader
from agentos.machine.terminal import Terminal

LAUNCH = Launch([b"program"], b"/", {})


class Guest:
    """The far end of a bridge, played by hand."""

    def __init__(self, bridge: StreamBridge, sock: socket.socket) -> None:
        self.bridge = bridge
        self._sock = sock
        self._reader = FrameReader()
        self._heard: list[Frame] = []

    async def hear(self, kind: FrameKind) -> Frame:
        """The next frame of a kind."""
        while True:
            for i, frame in enumerate(self._heard):
                if frame.kind == kind:
                    return self._heard.pop(i)
            data = await asyncio.get_running_loop().sock_recv(self._sock, 65536)
            assert data, f"the host hung up before it sent {kind!r}"
            self._heard += self._reader.feed(data)

    async def say(self, *frames: Frame) -> None:
        await asyncio.get_running_loop().sock_sendall(
            self._sock, b"".join(frame.encode() for frame in frames)
        )

    async def answer(self, error: int = 0, pid: int = 7, data: bytes = b"") -> int:
        """Answer the next request; its id."""
        request = await self.hear(FrameKind.PACKET)
        await self.say(reply(Kind.REPLY, request.id, error, pid, data))
        return request.id


def reply(kind: int, id: int, error: int = 0, a: int = 0, data: bytes = b"") -> Frame:
    return Frame(FrameKind.PACKET, id, data=struct.pack("=IIiiii", kind, id, error, a, 0, 0) + data)


def exited(id: int, status: int = 0) -> Frame:
    return reply(Kind.EXITED, id, 0, status, bytes(24))


@pytest.fixture
async def guest() -> AsyncIterator[Guest]:
    before = Footprint.now()
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    bridge = StreamBridge()
    await asyncio.get_running_loop().create_connection(lambda: bridge, sock=ours)
    played = Guest(bridge, theirs)
    await played.say(reply(Kind.READY, 0))
    await bridge.channel.booted()
    yield played
    bridge.close()
    theirs.close()
    for _ in range(100):  # what a command left is read to its end, a step at a time
        await asyncio.sleep(0)
    assert Footprint.now().grown_since(before) == []


async def ended(guest: Guest) -> MachineError:
    """Why the host ended the guest."""
    while guest.bridge.channel.lost is None:
        await asyncio.sleep(0)
    return guest.bridge.channel.lost


def running(guest: Guest, input: bytes | None = None) -> asyncio.Task[ExecResult]:
    return asyncio.ensure_future(
        run(
            guest.bridge.channel,
            LAUNCH,
            input=input,
            timeout=None,
            check=False,
            max_output=2**24,
            shown="it",
        )
    )


async def test_what_was_written_comes_before_the_end_however_much_it_was(guest: Guest) -> None:
    result = running(guest)
    id = await guest.answer()
    chunks = [Frame(FrameKind.DATA, id, 1, data=bytes([n]) * 16384) for n in range(20)]
    await guest.say(*chunks, exited(id, 3 << 8))
    done = await result
    assert done.exit_code == 3
    assert done.stdout_bytes == b"".join(chunk.data for chunk in chunks)


async def test_input_is_sent_as_far_as_there_is_credit(guest: Guest) -> None:
    data = os.urandom(3 * WINDOW)
    result = running(guest, data)
    id = await guest.answer()
    seen = b""
    while len(seen) < WINDOW:
        seen += (await guest.hear(FrameKind.DATA)).data
    assert len(seen) == WINDOW
    await guest.say(Frame(FrameKind.CREDIT, id, 0, 10))
    more = await guest.hear(FrameKind.DATA)
    assert len(more.data) == 10
    await guest.say(Frame(FrameKind.GONE, id, 0), exited(id))
    assert (await result).exit_code == 0
    assert data.startswith(seen + more.data)


async def test_output_beyond_its_credit_ends_the_guest(guest: Guest) -> None:
    process = asyncio.ensure_future(
        spawn(guest.bridge.channel, LAUNCH, stdin="null", stdout="pipe", stderr="null", limit=1024)
    )
    id = await guest.answer()
    silent = await process
    silent._readers[0].pause()
    flood = [Frame(FrameKind.DATA, id, 1, data=bytes(16384))] * (4 * (WINDOW + PIPE_MAX) // 16384)
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        await guest.say(*flood)
    assert (await ended(guest)).code == "guest_broken"
    silent.close()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff" * 16,
        Frame(FrameKind.PACKET, data=b"short").encode(),
        reply(99, 1).encode(),
        reply(Kind.STARTED, 1, 0, 1).encode(),
        reply(Kind.EXITED, 1).encode(),
        struct.pack("=IIII", FrameKind.DATA, 1, 1, 2**31),
    ],
)
async def test_nonsense_ends_the_guest(guest: Guest, nonsense: bytes) -> None:
    waiting = running(guest)
    await guest.hear(FrameKind.PACKET)
    await asyncio.get_running_loop().sock_sendall(guest._sock, nonsense)
    with pytest.raises(MachineError) as caught:
        await waiting
    assert caught.value.code == "guest_broken"


async def test_frames_of_nobody_are_ignored(guest: Guest) -> None:
    await guest.say(
        *(Frame(FrameKind.DATA, 99, n, data=b"whose?") for n in range(6)),
        *(Frame(kind, 99, 1, 5) for kind in (FrameKind.CREDIT, FrameKind.END, FrameKind.GONE)),
        reply(Kind.REPLY, 99),
        exited(99),
    )
    result = running(guest)
    id = await guest.answer()
    await guest.say(Frame(FrameKind.DATA, id, 0, data=b"into stdin"), Frame(FrameKind.GONE, id, 1))
    await guest.say(Frame(FrameKind.DATA, id, 1, data=b"fine"), exited(id))
    assert (await result).stdout == "fine"


async def test_credit_for_what_was_not_sent_ends_the_guest(guest: Guest) -> None:
    process = asyncio.ensure_future(
        spawn(guest.bridge.channel, LAUNCH, stdin="pipe", stdout="null", stderr="null", limit=1024)
    )
    id = await guest.answer()
    reader = await process
    await guest.say(Frame(FrameKind.CREDIT, id, 0, 2**31))
    assert (await ended(guest)).code == "guest_broken"
    reader.close()


async def test_a_command_that_did_not_start_leaves_nothing(guest: Guest) -> None:
    result = running(guest, b"input that nobody reads")
    await guest.answer(error=2)
    with pytest.raises(FileNotFoundError):
        await result
    assert not guest.bridge._commands


async def test_a_terminal_ends_with_the_guests(guest: Guest) -> None:
    launch = Launch([b"sh"], b"/", {}, ExecFlag.PTY, (24, 80))
    opening = asyncio.ensure_future(Terminal.open(guest.bridge.channel, launch))
    id = await guest.answer(pid=42)
    terminal = await opening
    await terminal.write(b"ls\n")
    assert (await guest.hear(FrameKind.DATA)).data == b"ls\n"
    terminal.resize(40, 100)
    resize = await guest.hear(FrameKind.RESIZE)
    assert (resize.id, resize.stream, resize.value) == (id, 3, 40 << 16 | 100)
    await guest.say(Frame(FrameKind.DATA, id, 3, data=b"bye\r\n"), Frame(FrameKind.END, id, 3))
    assert await terminal.read() == b"bye\r\n"
    assert await terminal.read() == b""
    await guest.say(exited(id))
    assert await terminal.wait() == 0
    await terminal.close()


async def test_what_the_guest_refuses_leaves_no_terminal(guest: Guest) -> None:
    before = len(os.listdir("/proc/self/fd"))
    launch = Launch([b"sh"], b"/", {}, ExecFlag.PTY, (24, 80))
    opening = asyncio.ensure_future(Terminal.open(guest.bridge.channel, launch))
    await guest.answer(error=errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        await opening
    assert len(os.listdir("/proc/self/fd")) == before


async def test_a_host_without_descriptors_asks_the_guest_for_no_terminal(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more() -> tuple[socket.socket, socket.socket]:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", no_more)
    launch = Launch([b"sh"], b"/", {}, ExecFlag.PTY, (24, 80))
    with pytest.raises(OSError, match="Too many open files"):
        await Terminal.open(guest.bridge.channel, launch)
    call = asyncio.ensure_future(guest.bridge.channel.call(Op.STAT, [b"/"]))
    await guest.answer()  # the first that it is asked for
    await call


async def test_closing_a_terminal_hangs_the_guests_up(guest: Guest) -> None:
    launch = Launch([b"sh"], b"/", {}, ExecFlag.PTY, (24, 80))
    opening = asyncio.ensure_future(Terminal.open(guest.bridge.channel, launch))
    id = await guest.answer(pid=42)
    closing = asyncio.ensure_future((await opening).close())
    end = await guest.hear(FrameKind.END)
    assert (end.id, end.stream) == (id, 3)
    await guest.say(exited(id, 9))
    await closing


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (9, b""),
        (2**31 - 1, b"1/stat\0"),
        (3, b"1/s"),
        (11, b"1/stat\0\x01\0\0\0"),
        (14, b"1/stat\0\x03\0\0\0one"),
        (55, b"1/stat\0\x2c\0\0\0" + b"1 (it) S x" + b" x" * 17),
    ],
)
async def test_a_list_of_processes_that_is_none(guest: Guest, size: int, written: bytes) -> None:
    async def list_them() -> list[ProcessInfo]:
        async with look(guest.bridge.channel) as proc:
            return list_processes(proc)

    listing = asyncio.ensure_future(list_them())
    await guest.answer(pid=size, data=written)
    with pytest.raises(MachineError, match="list of the machine's processes"):
        await listing


async def test_a_guest_that_hangs_up_fails_what_waits(guest: Guest) -> None:
    waiting = running(guest, b"x" * 10**6)
    await guest.answer()
    guest._sock.close()
    with pytest.raises(MachineError, match="the guest has ended"):
        await waiting


async def test_requests_wait_while_the_guest_takes_none(guest: Guest) -> None:
    """The host keeps a bounded part of them; the others stay with who makes them."""
    large = Launch([b"program", bytes(b"x" * 300_000)], b"/", {})
    waiting = [
        asyncio.ensure_future(
            run(
                guest.bridge.channel,
                large,
                input=None,
                timeout=None,
                check=False,
                max_output=1,
                shown="it",
            )
        )
        for _ in range(40)
    ]
    for _ in range(200):
        await asyncio.sleep(0)
    transport = guest.bridge._transport
    assert transport is not None
    assert transport.get_write_buffer_size() < 1_000_000
    guest.bridge.close()
    assert all(
        isinstance(error, MachineError)
        for error in await asyncio.gather(*waiting, return_exceptions=True)
    )

"""Packets that no host sends: a machine's init answers or ignores them, and goes on."""

from __future__ import annotations

import array
import asyncio
import errno
import os
import random
import re
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import agentos
from agentos.machine.isolation.namespace import NamespaceMachine, spawn_launcher
from agentos.machine.layers.host_image import host_image
from agentos.machine.protocol import PACKET_MAX, Op, encode_request

NO = (0, 0, 0, 0)


@pytest.fixture
async def machine() -> AsyncIterator[NamespaceMachine]:
    image = host_image()
    started = await NamespaceMachine.start(lambda: image)
    yield started
    await started.close()
    os.close(image.lock)


def header(op: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0) -> bytes:
    """The fixed part of a request; its answer is for nobody."""
    return struct.pack("=IIiiii", op, 0, a, b, c, d)


async def throw(machine: NamespaceMachine, packet: bytes, fds: tuple[int, ...] = ()) -> None:
    """Send a packet as it is."""
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    while True:
        try:
            machine.channel._sock.sendmsg([packet], control)
            return
        except OSError as error:
            # The second: an ordinary user may have so many descriptors under way, and no more.
            if error.errno not in (errno.EAGAIN, errno.ETOOMANYREFS):
                raise
            await asyncio.sleep(0)


async def serves(machine: NamespaceMachine) -> bool:
    reply = await machine.channel.send(Op.STAT, [b"/etc"], NO)
    return reply.error == 0


def descriptors(machine: NamespaceMachine) -> int:
    if os.geteuid() != 0:
        return 0  # init hides its own from everybody else
    return len(os.listdir(f"/proc/{machine.channel.init_pid}/fd"))


MANGLED = {
    "nothing": b"",
    "one byte": b"x",
    "half a header": header(1)[:20],
    "no operation": header(0),
    "unknown operation": header(999) + b"/etc\0",
    "all bits": b"\xff" * 24,
    "no path": header(Op.OPEN),
    "unterminated path": header(Op.STAT) + b"/etc",
    "only a NUL": header(Op.STAT) + b"\0",
    "one path to rename": header(Op.RENAME) + b"/tmp/a\0",
    "link without a path": header(Op.SYMLINK) + b"a\0b",
    "strange flags": header(Op.OPEN, -1, -1) + b"/etc\0",
    "strange mode": header(Op.MKDIR, -1) + b"/tmp/x\0",
    "strange unlink": header(Op.UNLINK, -1) + b"/tmp/y\0",
    "endless path": header(Op.STAT) + b"/a" * 100_000 + b"\0",
    "exec of nothing": header(Op.EXEC),
    "exec without words": header(Op.EXEC, 0, 0, 3, 2) + b"/\0sh\0",
    "exec with unterminated words": header(Op.EXEC, 0, 0, 1, 0) + b"/\0sh",
    "huge counts": header(Op.EXEC, 0, 0, 2**31 - 1, 2**31 - 1) + b"/\0sh\0",
    "negative counts": header(Op.EXEC, 0, 0, -1, -1) + b"/\0sh\0",
    "exec without descriptors": header(Op.EXEC, 0, 0, 1, 0) + b"/\0true\0",
    "signal to all": header(Op.SIGNAL, -1, 9),
    "signal to init": header(Op.SIGNAL, 1, 9),
    "signal to nobody": header(Op.SIGNAL, 2**31 - 1, 9, 2),
    "strange signal": header(Op.SIGNAL, 2, 12345, 99),
    "bad address": header(Op.LISTEN, 80) + b"nowhere\0",
    "bad port": header(Op.LISTEN, -5, 7) + b"127.0.0.1\0",
    "bad kind of listener": header(Op.LISTEN, 80, 99) + b"127.0.0.1\0",
    "strange socket": header(Op.SOCKET, -1, -1, -1),
    "socket of a family that loads a module": header(Op.SOCKET, 38, 5, 0),
    "as large as can be": header(Op.STAT) + b"\0" * (PACKET_MAX - 24),
    "too large": header(Op.STAT) + b"/\0" * (PACKET_MAX // 2),
}


@pytest.mark.parametrize("packet", MANGLED.values(), ids=MANGLED)
async def test_a_mangled_packet_changes_nothing(machine: NamespaceMachine, packet: bytes) -> None:
    assert await serves(machine)
    before = descriptors(machine)
    await throw(machine, packet)
    assert await serves(machine)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        for count in (1, 2, 3, 4, 5, 200):
            await throw(machine, packet or b"x", (null,) * count)
            assert await serves(machine)
    finally:
        os.close(null)
    assert descriptors(machine) == before


async def test_noise_changes_nothing(machine: NamespaceMachine) -> None:
    """Random packets, the same ones every time."""
    noise = random.Random(7)
    assert await serves(machine)
    before = descriptors(machine)
    harmless = [op for op in Op if op not in (Op.EXEC, Op.SIGNAL, Op.REMOVE)]
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for _ in range(2000):
            op = noise.choice([*harmless, noise.getrandbits(32)])
            numbers = [noise.getrandbits(32) - 2**31 for _ in range(4)]
            text = noise.randbytes(noise.randrange(200))
            packet = struct.pack("=IIiiii", op, 0, *numbers) + b"/tmp/" + text
            await throw(machine, packet, (null,) * noise.randrange(6))
    finally:
        os.close(null)
    assert await serves(machine)
    assert descriptors(machine) == before


async def test_commands_leave_no_descriptor_in_init(machine: NamespaceMachine) -> None:
    assert await serves(machine)
    before = descriptors(machine)
    null = os.open(os.devnull, os.O_RDWR)
    for flags in (0, 2, 1):
        for program in (b"true", b"no-such-program"):
            ended = asyncio.get_running_loop().create_future()
            fds = [] if flags == 1 else [null] * 3
            texts = [b"/", program, b"PATH=/usr/bin"]
            reply = await machine.channel.send(Op.EXEC, texts, (flags, 0, 1, 1), fds, ended)
            if reply.fd >= 0:
                os.close(reply.fd)
            if not reply.error:
                await ended
    os.close(null)
    assert await serves(machine)
    assert descriptors(machine) == before


async def test_an_answer_nobody_waits_for_any_more(machine: NamespaceMachine) -> None:
    """A descriptor that comes too late is closed."""
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(50):
        task = asyncio.ensure_future(machine.channel.call(Op.OPEN, [b"/etc"], NO))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await serves(machine)
    assert set(os.listdir("/proc/self/fd")) == before


async def test_more_requests_than_the_socket_holds(machine: NamespaceMachine) -> None:
    path = b"/" + b"x" * 200
    replies = await asyncio.gather(
        *(machine.channel.send(Op.STAT, [path], NO) for _ in range(5000))
    )
    assert {reply.error for reply in replies} == {2}


@pytest.mark.parametrize(
    "plan",
    [b"", b"x", b"uid-map\0", b"nonsense\0value\0", b"hostname\0x\0", b"lower\0/\0" * 300],
    ids=["empty", "unterminated", "half", "unknown", "incomplete", "too much"],
)
def test_a_mangled_plan_ends_the_launcher(plan: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(plan)
        launcher = spawn_launcher("agentos-init", theirs.fileno())
        theirs.close()
        answer = ours.recv(4096)
        _, status = os.waitpid(launcher, 0)
    assert struct.unpack_from("=I", answer)[0] == 3  # FAILED
    assert os.WEXITSTATUS(status) == 1


def test_encoding_agrees_with_the_c_side() -> None:
    """The numbers of protocol.py are those of agentos.h."""
    assert agentos.__file__
    text = (Path(agentos.__file__).parent / "native/agentos.h").read_text()
    declared = {name: int(value) for name, value in re.findall(r"\bOP_(\w+) = (\d+)", text)}
    assert declared == {op.name: op.value for op in Op}
    assert encode_request(Op.STAT, 7, (1, 2, 3, 4), [b"a", b"b"])[24:] == b"a\0b\0"
    assert re.search(r"PACKET_MAX = 384 \* 1024", text)
    assert PACKET_MAX == 384 * 1024

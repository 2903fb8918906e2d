"""The control socket of a machine: requests out, replies and exits in."""

from __future__ import annotations

import array
import asyncio
import os
import signal
import socket
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from agentos.errors import MachineError
from agentos.machine.protocol import (
    PACKET_MAX,
    REPLY_MAX,
    Kind,
    Op,
    Reply,
    Scope,
    decode_reply,
    encode_request,
)

#: Variables that say where things are in a machine that has its own root.
PLACES = {"HOME": "/home/agentos"}
_FD_SPACE = socket.CMSG_SPACE(4)
_NO_NUMBERS = (0, 0, 0, 0)


class Closable(Protocol):
    """Something to let go of when the machine is gone."""

    def close(self) -> None: ...


class Channel:
    """Speak to a machine's init over a `SOCK_SEQPACKET` socket.

    The machine lives as long as the socket is open: closing the channel ends it.

    Args:
        sock: The host's end of the pair, non-blocking.
        on_lost: Called once when the machine is gone, with the reason.
        hands_out: Whether init can send descriptors; behind a kernel of its own it cannot.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_lost: Callable[[MachineError], None] | None = None,
        *,
        hands_out: bool = True,
    ) -> None:
        self.hands_out = hands_out
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self.on_lost = on_lost
        self._buffer = bytearray(REPLY_MAX)
        self._view = memoryview(self._buffer)
        self._next_id = 1
        self._replies: dict[int, asyncio.Future[Reply]] = {}
        self._exits: dict[int, asyncio.Future[Reply]] = {}
        self._boot: asyncio.Future[None] = self._loop.create_future()
        self._writable: asyncio.Future[None] | None = None
        self._unanswered: deque[bytes] = deque()
        self._lost: MachineError | None = None
        self.init_pid: int | None = None
        #: Variables of its commands; relative paths start at HOME.
        self.places: Mapping[str, str] = PLACES
        #: Whether init sees the processes of the host, and has no terminals of its own.
        self.shares_host = False
        #: Held by who fetches the list of processes, which comes in pieces.
        self.listing = asyncio.Lock()
        self.discarded: set[Closable] = set()
        #: Asked why init has ended by itself, if anybody knows.
        self.explain: Callable[[], MachineError | None] = lambda: None
        self._loop.add_reader(sock.fileno(), self.receive)
        _open_channels.add(self)

    async def booted(self) -> None:
        """Wait until init serves requests.

        Raises:
            MachineError: A step of building the machine failed; `step` and `errno` say which.
        """
        await asyncio.shield(self._boot)

    async def call(
        self,
        op: Op,
        texts: list[bytes],
        numbers: tuple[int, int, int, int] = _NO_NUMBERS,
        path: str | bytes | None = None,
    ) -> Reply:
        """Send a request and wait for its reply.

        Args:
            op: What to do.
            texts: The request's strings.
            numbers: Its four integers.
            path: Named in the `OSError`, by default the first text.

        Raises:
            OSError: The machine's kernel refused; the subclass follows from errno.
            MachineError: The machine has ended.
        """
        reply = await self.send(op, texts, numbers)
        if reply.error:
            name = os.fsdecode(texts[0]) if path is None else path
            raise OSError(reply.error, os.strerror(reply.error), name)
        return reply

    async def send(
        self,
        op: Op,
        texts: list[bytes],
        numbers: tuple[int, int, int, int] = _NO_NUMBERS,
        fds: Sequence[int] = (),
        exit: asyncio.Future[Reply] | None = None,
    ) -> Reply:
        """Send a request with descriptors and return its reply, whatever it says.

        A request that is cancelled before its reply came is finished by nobody: a
        descriptor in the late reply is closed, and a command that had started is killed.
        """
        id = self._next_id
        self._next_id = id + 1 & 0xFFFFFFFF or 1
        packet = encode_request(op, id, numbers, texts)
        if len(packet) > PACKET_MAX:
            raise OSError(7, os.strerror(7))
        await self._transmit(packet, fds)
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._replies[id] = future
        if exit is not None:
            self._exits[id] = exit
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and not future.exception():
                self._drop(future.result())  # it came, but too late to be handed on
            raise

    async def _transmit(self, packet: bytes, fds: Sequence[int]) -> None:
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        while True:
            if self._lost:
                raise self._lost
            try:
                self._sock.sendmsg([packet], control, socket.MSG_NOSIGNAL)
                return
            except BlockingIOError:
                await self._wait_writable()
            except OSError as error:
                self.lose(f"the machine's control socket failed: {error.strerror}")

    async def _wait_writable(self) -> None:
        if self._writable is None:
            self._writable = self._loop.create_future()
            self._loop.add_writer(self._sock.fileno(), self._wake_writers)
        await asyncio.shield(self._writable)

    def _wake_writers(self) -> None:
        self._loop.remove_writer(self._sock.fileno())
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
        self._send_waiting()

    def receive(self) -> None:
        """Take in every packet that has arrived."""
        while True:
            try:
                size, ancillary, _, _ = self._sock.recvmsg_into(
                    [self._buffer], _FD_SPACE, socket.MSG_CMSG_CLOEXEC
                )
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self.lose(f"the machine's control socket failed: {error.strerror}")
                return
            if size == 0:
                self.lose(self.explain() or "the machine has ended")
                return
            fd = array.array("i", ancillary[0][2])[0] if ancillary else -1
            self._dispatch(decode_reply(self._view[:size], fd))

    def _dispatch(self, reply: Reply) -> None:
        if reply.kind == Kind.REPLY:
            self._settle(reply)
        elif reply.kind == Kind.EXITED:
            exit = self._exits.pop(reply.id, None)
            if exit is not None and not exit.done():
                exit.set_result(reply)
        elif reply.kind == Kind.STARTED:
            self.init_pid = reply.a
        elif reply.kind == Kind.READY:
            resolve(self._boot)
        elif reply.kind == Kind.FAILED:
            self.lose(BootFailed(os.fsdecode(reply.data), reply.error))

    def _settle(self, reply: Reply) -> None:
        future = self._replies.pop(reply.id, None)
        if reply.error:
            self._exits.pop(reply.id, None)
        if future is not None and not future.done():
            future.set_result(reply)
        else:
            self._drop(reply)

    def _drop(self, reply: Reply) -> None:
        if reply.fd >= 0:
            os.close(reply.fd)
        if reply.id in self._exits and reply.a > 1:
            self.signal_nowait(reply.a, signal.SIGKILL, Scope.SESSION)

    def signal_nowait(self, pid: int, number: int, scope: int) -> None:
        """Send a signal without waiting for the answer, as soon as the socket has room."""
        self._send_unanswered(encode_request(Op.SIGNAL, 0, (pid, number, scope, 0), []))

    def resize_nowait(self, pid: int, rows: int, cols: int) -> None:
        """Resize the terminal of a command, without waiting for the answer."""
        self._send_unanswered(encode_request(Op.RESIZE, 0, (pid, rows, cols, 0), []))

    def _send_unanswered(self, packet: bytes) -> None:
        self._unanswered.append(packet)
        self._send_waiting()

    def _send_waiting(self) -> None:
        while self._unanswered and not self._lost:
            try:
                self._sock.send(self._unanswered[0], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._wake_writers)
                return
            except OSError as error:
                self.lose(f"the machine's control socket failed: {error.strerror}")
                return
            self._unanswered.popleft()

    def lose(self, reason: str | MachineError) -> None:
        """End the channel: every waiter gets the reason."""
        if self._lost:
            return
        error = (
            reason
            if isinstance(reason, MachineError)
            else MachineError(reason, code="machine_ended")
        )
        self._lost = error
        _open_channels.discard(self)
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        waiting: list[asyncio.Future[Any]] = [
            *self._replies.values(),
            *self._exits.values(),
            self._boot,
        ]
        if self._writable is not None:
            waiting.append(self._writable)
        self._replies.clear()
        self._exits.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # read once, so that a waiter who left is no warning
        for leftover in list(self.discarded):
            leftover.close()
        if self.on_lost:
            self.on_lost(error)

    @property
    def lost(self) -> MachineError | None:
        """Why the machine is gone, or None while it lives."""
        return self._lost

    @property
    def init_seen(self) -> int:
        """The pid of init in the machine's own `/proc`."""
        return (self.init_pid or 0) if self.shares_host else 1

    def close_in_fork(self) -> None:
        """Let go of the socket in a forked copy of the host: a copy keeps no machine alive."""
        os.close(self._sock.detach())


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Return the host's end of a control socket, non-blocking, and the machine's."""
    host_end, machine_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host_end.setblocking(False)
    for end in (host_end, machine_end):  # room for one packet of the largest size
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    return host_end, machine_end


def resolve(future: asyncio.Future[None]) -> None:
    """Settle a future that may be settled or cancelled already."""
    if not future.done():
        future.set_result(None)


class BootFailed(MachineError):
    """A step of building the machine failed; `step` names it, `errno` is the kernel's answer."""

    default_code = "boot_failed"

    def __init__(self, step: str, errno: int) -> None:
        super().__init__(f"cannot build the machine: {step}: {os.strerror(errno)}")
        self.step = step
        self.errno = errno


_open_channels: weakref.WeakSet[Channel] = weakref.WeakSet()


def _let_go_in_fork() -> None:
    for channel in list(_open_channels):
        channel.close_in_fork()


os.register_at_fork(after_in_child=_let_go_in_fork)

"""Between a `Channel` and a guest's init: packets as they are, descriptors as frames."""

from __future__ import annotations

import array
import asyncio
import errno
import os
import socket
import stat
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from agentos.errors import MachineError
from agentos.machine.channel import Channel, control_pair
from agentos.machine.protocol import PACKET_MAX, ExecFlag, Kind, Op, Reply
from agentos.machine.stream.carried import Intake, Outlet
from agentos.machine.stream.frames import Frame, FrameKind, FrameReader, StreamBroken, StreamId
from agentos.machine.stream.replies import read_reply, refuse

_REQUEST = struct.Struct("=IIiiii")
_FD_SPACE = socket.CMSG_SPACE(4 * 3)
_OUTPUTS = (StreamId.STDOUT, StreamId.STDERR)


@dataclass(slots=True)
class _Carried:
    """The streams of one command."""

    outlets: dict[int, Outlet] = field(default_factory=dict)
    intakes: dict[int, Intake] = field(default_factory=dict)
    exit: bytes | None = None
    pid: int | None = None

    def hurry(self) -> list[Outlet]:
        """Pass on what the command wrote, and return where it goes."""
        outputs = [self.outlets[stream] for stream in _OUTPUTS if stream in self.outlets]
        for outlet in outputs:
            outlet.hurry()
        return outputs

    def close(self) -> None:
        for outlet in list(self.outlets.values()):
            outlet.close()
        for intake in list(self.intakes.values()):
            intake.close()


class StreamBridge(asyncio.Protocol):
    """Serve a channel from the guest at the far end of a stream.

    Make one, connect it as the protocol of a stream transport, and use `channel` like that of
    any machine. The channel is lost with the stream, and closing it closes the stream.

    Args:
        on_lost: Called once when the guest is gone.

    Example:
        ```python
        bridge = StreamBridge()
        await loop.create_unix_connection(lambda: bridge, path)
        await bridge.channel.booted()
        ```
    """

    def __init__(self, on_lost: Callable[[MachineError], None] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        ours, self._sock = control_pair()
        self._sock.setblocking(False)
        self.channel = Channel(ours, on_lost, hands_out=False)
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._commands: dict[int, _Carried] = {}
        self._terminals: dict[int, int] = {}
        self._replies: deque[bytes] = deque()
        self._closed = False

    # ---- the stream ----

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._closed:
            transport.abort()
        else:
            self._loop.add_reader(self._sock.fileno(), self._hear_channel)

    def pause_writing(self) -> None:
        """Leave requests with who makes them, while the guest does not take those it has."""
        if not self._closed:
            self._loop.remove_reader(self._sock.fileno())

    def resume_writing(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._sock.fileno(), self._hear_channel)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                if self._closed:
                    return
                self._serve(frame)
        except StreamBroken as error:
            self._end(MachineError(f"the guest broke the protocol: {error}", code="guest_broken"))

    def connection_lost(self, error: Exception | None) -> None:
        self._end(MachineError("the guest has ended", code="machine_ended"))

    def _send(self, frame: Frame) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame.encode())

    def close(self) -> None:
        """End the stream and let go of every descriptor."""
        self._end(MachineError("the machine was closed", code="machine_ended"))

    def _end(self, reason: MachineError) -> None:
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        if self._transport is not None:
            self._transport.abort()
        for command in list(self._commands.values()):
            command.close()
        for terminal in self._terminals.values():
            os.close(terminal)
        self._terminals.clear()
        self._replies.clear()
        self._sock.close()
        self.channel.lose(reason)

    # ---- from the channel ----

    def _hear_channel(self) -> None:
        try:
            packet, ancillary, _, _ = self._sock.recvmsg(
                PACKET_MAX, _FD_SPACE, socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            packet, ancillary = b"", []
        if not packet:
            return self.close()
        fds = array.array("i")
        for _, _, data in ancillary:
            fds.frombytes(data)
        return self._pass_request(packet, list(fds))

    def _pass_request(self, packet: bytes, fds: list[int]) -> None:
        op, id, *numbers = _REQUEST.unpack_from(packet)
        if op == Op.RESIZE:
            return self._resize(*numbers[:3])
        if op != Op.EXEC:
            return self._send(Frame(FrameKind.PACKET, id, data=packet))
        if not fds:  # there was no room for them on this side
            return self._answer(refuse(id, errno.EMFILE))
        flags = numbers[0]
        if flags & ExecFlag.PTY:
            (self._terminals[id],) = fds
            return self._send(Frame(FrameKind.PACKET, id, data=packet))
        for stream, fd in enumerate(fds):
            flags |= (ExecFlag.NULL << stream) * _is_null(fd)
        flags |= ExecFlag.SOCKET * _is_socket(fds[StreamId.STDIN])
        packet = _REQUEST.pack(op, id, flags, *numbers[1:]) + packet[_REQUEST.size :]
        self._send(Frame(FrameKind.PACKET, id, data=packet))
        return self._carry_pipes(id, fds)

    def _resize(self, pid: int, rows: int, columns: int) -> None:
        for id, command in self._commands.items():
            if command.pid == pid:
                size = rows << 16 | columns
                self._send(Frame(FrameKind.RESIZE, id, StreamId.BOTH_WAYS, size))

    def _carry_pipes(self, id: int, fds: list[int]) -> None:
        command = self._commands[id] = _Carried()
        pipes = {stream: fd for stream, fd in enumerate(fds) if not _is_null(fd)}
        for fd in fds:
            if fd not in pipes.values():
                os.close(fd)
        for stream, fd in pipes.items():
            os.set_blocking(fd, False)
            if stream == StreamId.STDIN:
                continue
            ended = self._on_end(id, command.outlets, stream, fd)
            command.outlets[stream] = Outlet(fd, id, stream, self._send, ended)
        stdin = pipes.get(StreamId.STDIN)
        if stdin is not None and _is_socket(stdin):
            self._carry_both_ways(command, id, stdin)
        elif stdin is not None:
            ended = self._on_end(id, command.intakes, StreamId.STDIN, stdin)
            self._take_in(command, id, StreamId.STDIN, stdin, ended)
        self._forget(id)

    def _take_in(
        self, command: _Carried, id: int, stream: int, fd: int, ended: Callable[[], None]
    ) -> None:
        intake = Intake(fd, id, stream, self._send, ended)
        if intake.open:
            command.intakes[stream] = intake

    def _on_end(
        self, id: int, ends: dict[int, Outlet] | dict[int, Intake], stream: int, fd: int
    ) -> Callable[[], None]:
        def ended() -> None:
            ends.pop(stream, None)
            os.close(fd)
            self._forget(id)

        return ended

    def _forget(self, id: int) -> None:
        command = self._commands.get(id)
        if command and not command.outlets and not command.intakes and command.exit is None:
            del self._commands[id]

    # ---- from the guest ----

    def _serve(self, frame: Frame) -> None:
        if frame.kind == FrameKind.PACKET:
            return self._pass_reply(frame.data)
        command = self._commands.get(frame.id)
        if command is None:
            return None  # it ended, and the guest has not heard of it yet
        outlet, intake = command.outlets.get(frame.stream), command.intakes.get(frame.stream)
        if frame.kind == FrameKind.DATA and outlet:
            if frame.stream == StreamId.BOTH_WAYS:
                command.hurry()  # what was written before it was answered
            outlet.take(frame.data)
        elif frame.kind == FrameKind.END and outlet:
            outlet.end()
        elif frame.kind == FrameKind.CREDIT and intake:
            intake.allow(frame.value)
        elif frame.kind == FrameKind.GONE and intake:
            intake.close()
        return None

    def _pass_reply(self, packet: bytes) -> None:
        reply = read_reply(packet)
        if reply.kind == Kind.EXITED:
            return self._pass_exit(reply.id, packet)
        if reply.kind == Kind.REPLY and reply.id in self._terminals:
            self._carry_terminal(reply, self._terminals.pop(reply.id))
        if reply.kind == Kind.REPLY and reply.error and (command := self._commands.get(reply.id)):
            command.close()
        return self._answer(packet)

    def _pass_exit(self, id: int, packet: bytes) -> None:
        """Hand the end of a command on after all that it wrote."""
        command = self._commands.get(id)
        outputs = command.hurry() if command else []
        if command is None or all(outlet.idle for outlet in outputs):
            return self._answer(packet)
        command.exit = packet

        def when_idle() -> None:
            if command.exit is not None and all(outlet.idle for outlet in outputs):
                command.exit = None
                self._answer(packet)
                self._forget(id)

        for outlet in outputs:
            outlet.on_idle = when_idle
        return None

    def _carry_terminal(self, reply: Reply, terminal: int) -> None:
        """Show what the guest's terminal shows, and type there, by a socket."""
        if reply.error:
            return os.close(terminal)
        os.set_blocking(terminal, False)
        command = self._commands[reply.id] = _Carried(pid=reply.a)
        return self._carry_both_ways(command, reply.id, terminal)

    def _carry_both_ways(self, command: _Carried, id: int, fd: int) -> None:
        stream = StreamId.BOTH_WAYS

        def ended() -> None:  # of either half, of which neither is of use alone
            if command.outlets.pop(stream, None):
                outlet.close()
                if intake := command.intakes.pop(stream, None):
                    intake.close()
                os.close(fd)
                self._forget(id)

        outlet = command.outlets[stream] = Outlet(fd, id, stream, self._send, ended)
        self._take_in(command, id, stream, fd, ended)

    def _answer(self, packet: bytes) -> None:
        self._replies.append(packet)
        self._send_replies()

    def _send_replies(self) -> None:
        while self._replies and not self._closed:
            try:
                self._sock.send(self._replies[0], socket.MSG_NOSIGNAL)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._send_replies)
                return
            except OSError:
                self.close()  # the channel has gone
                return
            self._replies.popleft()
        if not self._closed:
            self._loop.remove_writer(self._sock.fileno())


def _is_null(fd: int) -> bool:
    return stat.S_ISCHR(os.fstat(fd).st_mode)


def _is_socket(fd: int) -> bool:
    return stat.S_ISSOCK(os.fstat(fd).st_mode)

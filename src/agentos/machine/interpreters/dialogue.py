"""What is said to an interpreter's process and what it says, beside its own output."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import Any, Self

from agentos.machine.capture import Capture
from agentos.machine.channel import Channel
from agentos.machine.launch import Launch
from agentos.machine.process import Process
from agentos.machine.protocol import Reply

#: The largest answer, in bytes.
MOST = 64 * 2**20
_SIZE = struct.Struct(">I")


class Dialogue:
    """A process that answers questions on a socket, and what it writes to stdout and stderr.

    Args:
        process: Its process.
        control: The socket's host end.
        outputs: What collects its stdout and stderr.
    """

    def __init__(
        self,
        channel: Channel,
        process: Process,
        control: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        outputs: tuple[Capture, Capture],
    ) -> None:
        self.process = process
        self._channel = channel
        self._answers, self._questions = control
        self._outputs = outputs
        channel.discarded.add(self)
        for output in outputs:
            output.on_full = self._questions.transport.abort  # which ends the wait for an answer

    @classmethod
    async def open(cls, channel: Channel, launch: Launch, max_output: int) -> Self:
        """Start a process that is to have the socket as its stdin."""
        exit: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair()
        with contextlib.ExitStack() as unless_started, contextlib.ExitStack() as machine_ends:
            unless_started.callback(ours.close)
            machine_ends.callback(theirs.close)
            outputs = (Capture(max_output), Capture(max_output))
            for output in outputs:
                unless_started.callback(output.close)
                machine_ends.callback(output.started)
            fds = [theirs.fileno(), outputs[0].write_end, outputs[1].write_end]
            reply = await launch.send(channel, fds, exit)
            machine_ends.close()
            process = Process(channel, reply.a, exit, reply.b)
            try:
                control = await asyncio.open_unix_connection(sock=ours)
            except BaseException:
                await process.kill()
                raise
            unless_started.pop_all()
        return cls(channel, process, control, outputs)

    async def ask(self, question: bytes) -> dict[str, Any]:
        """Send a question, of `encode`, and wait for its answer.

        Raises:
            EOFError: It ends, wrote more than it may, or does not keep to the protocol.
        """
        try:
            self._questions.write(question)
            await self._questions.drain()
            return await self.answer()
        except ConnectionError as error:
            raise EOFError from error

    async def answer(self) -> dict[str, Any]:
        """Wait for what it says next.

        Raises:
            EOFError: As for `ask`.
        """
        try:
            (size,) = _SIZE.unpack(await self._answers.readexactly(_SIZE.size))
            if size > MOST:
                raise EOFError(f"an answer of {size} bytes")
            answer = json.loads(await self._answers.readexactly(size))
        except (ConnectionError, ValueError, RecursionError) as error:
            raise EOFError from error
        if not isinstance(answer, dict):
            raise EOFError(f"an answer that is {answer!r:.80}")
        return answer

    @property
    def overflowed(self) -> bool:
        """Whether it wrote more than it may."""
        return any(output.full for output in self._outputs)

    def take_output(self) -> tuple[bytes, bytes]:
        """Return what it wrote to stdout and stderr since this was asked last."""
        for output in self._outputs:
            output.drain()
        return self._outputs[0].take(), self._outputs[1].take()

    async def end(self, patience: float = 0) -> tuple[int, bytes, bytes]:
        """End it with all that it started; return its exit code and what it wrote last.

        Args:
            patience: Seconds to wait for it to end by itself.

        Raises:
            MachineError: The machine ended first.
        """
        try:
            try:
                async with asyncio.timeout(patience):
                    await self.process.wait()
            except TimeoutError:
                await self.process.kill()
            code = await self.process.wait()
            return code, *self.take_output()
        finally:
            self.close()

    def close(self) -> None:
        """Let go of its socket and pipes."""
        self._channel.discarded.discard(self)
        self._questions.transport.abort()
        for output in self._outputs:
            output.close()


def encode(question: object) -> bytes:
    """Lay a question out as the other side reads it.

    Raises:
        TypeError: JSON has nothing for a part of it.
        ValueError: Likewise.
    """
    data = json.dumps(question, allow_nan=False).encode()
    return _SIZE.pack(len(data)) + data

"""How a command is started, and how it ended: what init is told, and what it tells."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentos.errors import LimitExceeded
from agentos.machine.channel import Channel
from agentos.machine.protocol import ExecFlag, Op, Reply


@dataclass(frozen=True, slots=True)
class Launch:
    """All that init needs to start a command."""

    argv: list[bytes]
    cwd: bytes
    env: Mapping[str, str]
    flags: ExecFlag = ExecFlag.NONE
    window: tuple[int, int] = (0, 0)

    async def send(
        self, channel: Channel, fds: Sequence[int], exit: asyncio.Future[Reply]
    ) -> Reply:
        """Start it with these descriptors as stdin, stdout and stderr."""
        env = [os.fsencode(f"{name}={value}") for name, value in self.env.items()]
        if any(b"\0" in setting for setting in env):
            raise ValueError("the environment may not hold a NUL byte")
        rows, columns = self.window
        numbers = (int(self.flags), rows << 16 | columns, len(self.argv), len(env))
        reply = await channel.send(Op.EXEC, [self.cwd, *self.argv, *env], numbers, fds, exit)
        if reply.error == errno.EAGAIN and reply.data == b"fork":
            raise LimitExceeded(
                "the machine has as many processes as it may",
                limit="pids",
                hint="end some of them, or raise Limits(pids=...)",
            )
        if reply.error:
            culprit = self.cwd if reply.data == b"cwd" else self.argv[0]
            raise OSError(reply.error, os.strerror(reply.error), os.fsdecode(culprit))
        return reply


def argv_of(command: str | Sequence[str | bytes]) -> list[bytes]:
    """Turn a command into words: text goes through `sh -c`."""
    words = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
    if not words:
        raise ValueError("the command is empty")
    encoded = [os.fsencode(word) for word in words]
    if any(b"\0" in word for word in encoded):
        raise ValueError("a command may not hold a NUL byte")
    return encoded


def exit_code_of(status: int) -> int:
    """Turn a wait status into a shell's exit code."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

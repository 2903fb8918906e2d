"""Running a registry's client so that it never outlives us."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agentos.software.staging import Staging

_TICK = 0.1  # seconds between two reports of progress

# Asks the kernel to kill the client when this process dies, even by kill -9.
_TETHER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class Reply:
    """How a client ended, and what it said."""

    code: int
    stdout: str
    stderr: str


async def run(
    command: Sequence[str],
    staging: Staging,
    env: Mapping[str, str],
    tick: Callable[[], None] = lambda: None,
) -> Reply:
    """Run a client in the staging directory to its end.

    Args:
        command: Absolute path of the program, and its arguments.
        staging: Its working directory; stays locked as long as the client lives.
        env: Its whole environment.
        tick: Called while it runs, several times a second.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", _TETHER, str(os.getpid()), *command),
        cwd=staging.path,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        pass_fds=(staging.lock,),
    )
    talk = asyncio.ensure_future(process.communicate())
    try:
        while not talk.done():
            await asyncio.wait([talk], timeout=_TICK)
            tick()
    finally:
        if not talk.done():
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.wait([talk])
    stdout, stderr = talk.result()
    assert process.returncode is not None, "communicate() waits for the end"
    return Reply(process.returncode, _text(stdout), _text(stderr))


def _text(data: bytes) -> str:
    return data.decode(errors="replace").strip()

"""Run a program of the host as the owner of a machine's files.

Layers hold files of the machine's ids, and whiteouts, which only a process with capabilities
over those ids can make. The program gets them in a user namespace of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path

from agentos.errors import MachineError
from agentos.machine.isolation.id_map import IdMap
from agentos.machine.isolation.namespace import spawn_launcher
from agentos.machine.protocol import Kind, decode_reply

#: Where the program finds the layer it was given.
STAGE = "/tmp"


async def run_as_owner(
    ids: IdMap,
    directory: Path,
    argv: Sequence[str],
    *,
    stage: int | None = None,
    stdin: int | None = None,
    stdout: int | None = None,
) -> None:
    """Run a program to its end.

    Args:
        ids: Of the machine that the files belong to.
        directory: Where it works; as root it is given to the machine's ids.
        argv: Its words, the first an absolute path.
        stage: A machine's layer, as `NamespaceMachine.branch` hands it out.
        stdin: A descriptor to read from; by default nothing.
        stdout: A descriptor to write to; by default nowhere.

    Raises:
        MachineError: It could not start, or it failed.
    """
    with contextlib.ExitStack() as opened:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        opened.callback(os.close, null)
        errors = opened.enter_context(tempfile.TemporaryFile())
        fds = [null if fd is None else fd for fd in (stdin, stdout)]
        fds += [errors.fileno(), *([] if stage is None else [stage])]
        try:
            await _run(ids, directory, argv, fds)
        except MachineError as error:
            errors.seek(max(0, errors.tell() - 400))
            said = errors.read().decode(errors="replace").strip()
            error.hint = f"it said: {said}" if said else error.hint
            raise


async def _run(ids: IdMap, directory: Path, argv: Sequence[str], fds: list[int]) -> None:
    words = [str(directory), ids.uid, ids.gid, *argv]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        socket.send_fds(ours, [b"".join(os.fsencode(word) + b"\0" for word in words)], fds)
        pid = spawn_launcher("agentos-owner", theirs.fileno())
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    try:
        await _finish(ours, argv[0])
    finally:
        ours.close()
        _reap(pid)


async def _finish(ours: socket.socket, program: str) -> None:
    packet = await asyncio.get_running_loop().sock_recv(ours, 4096)
    if not packet:
        raise MachineError(f"{program} was ended", code="layer_failed")
    reply = decode_reply(memoryview(packet), -1)
    if reply.kind == Kind.FAILED:
        step = os.fsdecode(reply.data)
        raise MachineError(
            f"cannot run {program}: {step}: {os.strerror(reply.error)}", code="layer_failed"
        )
    if code := os.waitstatus_to_exitcode(reply.a):
        raise MachineError(
            f"{program} failed with exit code {code}",
            code="layer_failed",
        )


def _reap(pid: int) -> None:
    """End the launcher, unless it has ended, and with it the program; wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # a child of ours: its id is its own until we waited
    os.waitpid(pid, 0)

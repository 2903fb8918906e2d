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
from collections.abc import Iterator, Sequence
from pathlib import Path

from agentos.errors import MachineError
from agentos.machine.isolation.id_map import IdMap, choose_id_map
from agentos.machine.isolation.namespace import spawn_launcher
from agentos.machine.protocol import Kind, decode_reply

#: Where the program finds the layer it was given.
STAGE = "/tmp"
_LARGEST_REPLY = 4096
_SHOWN = 400  # bytes of its last words


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
        directory: Where it works; what it makes there belongs to the machine's root.
        argv: Its words, the first an absolute path.
        stage: A machine's layer, as `NamespaceMachine.branch` hands it out.
        stdin: A descriptor to read from; by default nothing.
        stdout: A descriptor to write to; by default nowhere.

    Raises:
        MachineError: It could not start, or it failed.
    """
    with _streams(stdin, stdout, stage) as fds, _started(ids, directory, argv, fds) as ours:
        packet = await asyncio.get_running_loop().sock_recv(ours, _LARGEST_REPLY)
        _check(packet, argv[0])


def run_as_owner_blocking(
    ids: IdMap,
    directory: Path,
    argv: Sequence[str],
    *,
    stdin: int | None = None,
    stdout: int | None = None,
) -> None:
    """Do the same as `run_as_owner`, for who has no event loop."""
    with _streams(stdin, stdout, None) as fds, _started(ids, directory, argv, fds) as ours:
        ours.setblocking(True)
        _check(ours.recv(_LARGEST_REPLY), argv[0])


async def choose_owner() -> IdMap:
    """Choose the ids that own a new image: with a root where there is a range, or else one.

    Raises:
        IsolationUnavailable: The caller has no other id to give.
    """
    try:
        ids = choose_id_map(root=True)
        if ids.is_lent:  # what the files in /etc promise, the host may yet refuse
            await run_as_owner(ids, Path("/"), ["/bin/true"])
    except MachineError:
        return choose_id_map()
    return ids


async def give_to_owner(ids: IdMap, directory: Path) -> None:
    """Let the root of the machine own a directory of ours, which is to be filled as the owner."""
    if os.geteuid() == 0:
        os.chown(directory, *ids.root)
    elif ids.is_lent:
        await run_as_owner(ids, directory, ["/bin/chown", "0:0", "."])


def remove_as_owner(ids: IdMap, top: Path) -> None:
    """Remove a tree, whichever of the machine's ids it belongs to."""
    run_as_owner_blocking(ids, top.parent, ["/bin/rm", "-rf", "--", top.name])


def size_as_owner(ids: IdMap, directory: Path) -> int:
    """Add up the bytes that a tree takes on disk, also where only its owner may look."""
    with tempfile.TemporaryFile() as said:
        du = ["/usr/bin/du", "--summarize", "--block-size=1", "."]
        run_as_owner_blocking(ids, directory, du, stdout=said.fileno())
        said.seek(0)
        return int(said.read().split()[0])


@contextlib.contextmanager
def _streams(stdin: int | None, stdout: int | None, stage: int | None) -> Iterator[list[int]]:
    """Descriptors for a program; what it says on stderr becomes the hint if it fails."""
    with contextlib.ExitStack() as opened:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        opened.callback(os.close, null)
        errors = opened.enter_context(tempfile.TemporaryFile())
        fds = [null if fd is None else fd for fd in (stdin, stdout)]
        try:
            yield [*fds, errors.fileno(), *([] if stage is None else [stage])]
        except MachineError as error:
            errors.seek(max(0, os.fstat(errors.fileno()).st_size - _SHOWN))
            said = errors.read().decode(errors="replace").strip()
            error.hint = f"it said: {said}" if said else error.hint
            raise


@contextlib.contextmanager
def _started(
    ids: IdMap, directory: Path, argv: Sequence[str], fds: list[int]
) -> Iterator[socket.socket]:
    """Start a program; its end is told on the socket. Afterwards it is gone."""
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
        yield ours
    finally:
        ours.close()
        _reap(pid)


def _check(packet: bytes, program: str) -> None:
    if not packet:
        raise MachineError(f"{program} was ended", code="layer_failed")
    reply = decode_reply(memoryview(packet), -1)
    if reply.kind == Kind.FAILED:
        step = os.fsdecode(reply.data)
        raise MachineError(
            f"cannot run {program}: {step}: {os.strerror(reply.error)}", code="layer_failed"
        )
    if code := os.waitstatus_to_exitcode(reply.a):
        raise MachineError(f"{program} failed with exit code {code}", code="layer_failed")


def _reap(pid: int) -> None:
    """End the launcher, unless it has ended, and with it the program; wait for it."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)  # a child of ours: its id is its own until we waited
    os.waitpid(pid, 0)

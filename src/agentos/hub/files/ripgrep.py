"""ripgrep as the quick way to the files that may match.

It only proposes files: what is returned to the caller is read and matched again through
descriptors that cannot leave the roots. So neither a race with ripgrep's own walk nor a difference
between two of its versions is seen outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil

from agentos.hub.files.query import LARGEST, Query

#: ripgrep finds files in any order; so many are sorted, and only beyond that does the order in
#: which they are found decide which ones a limited search returns.
MOST_CANDIDATES = 4000
_CHUNK = 1 << 16


def command(query: Query, program: str = "rg") -> list[str]:
    """Return the command line that prints the paths of files that may match, NUL behind each."""
    words = [program, "--no-config", "--files-with-matches", "--null", "--no-messages"]
    words += [f"--max-filesize={LARGEST}", "--no-mmap", "--no-require-git", "--no-ignore-parent"]
    words += ["--no-ignore-global", "--no-ignore-exclude", "--color=never", "--glob=!.git"]
    words += [f"--glob={glob}" for glob in query.globs]
    words += ["--ignore-case"] if query.ignore_case else ["--case-sensitive"]
    words += ["--hidden"] * query.hidden + ["--no-ignore"] * query.ignored
    words += ["--fixed-strings"] * query.fixed
    pattern = query.pattern if query.fixed else query.expression
    return [*words, f"--regexp={pattern}", "--", "./"]


def paths(output: bytes) -> list[tuple[str, ...]]:
    """Read what it printed."""
    names = (os.fsdecode(path.removeprefix(b"./")) for path in output.split(b"\0") if path)
    return [tuple(name.replace(os.sep, "/").split("/")) for name in names]


async def candidates(directory: int, query: Query) -> list[tuple[str, ...]] | None:
    """Return files below an open directory that may match, or None without a ripgrep that can.

    It is started in the directory by its descriptor, follows no link, and ends early after
    `MOST_CANDIDATES`.
    """
    program = shutil.which("rg")
    if program is None or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        process = await asyncio.create_subprocess_exec(
            # Absolute, as an `rg` that lies in the root is not to be run.
            *command(query, os.path.abspath(program)),
            cwd=f"/proc/{os.getpid()}/fd/{directory}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError:
        return None  # /proc does not let it in, or no process can be had: a walk finds the same
    assert process.stdout is not None
    assert process.stderr is not None
    complaint = asyncio.ensure_future(process.stderr.read())
    ended_early = True
    try:
        found = await _read_some(process.stdout)
        ended_early = found.count(b"\0") >= MOST_CANDIDATES
    finally:
        if ended_early and process.returncode is None:
            process.kill()
        await _end(process, process.stdout, complaint)
    return None if complaint.result() and not ended_early else paths(found)


async def _read_some(stream: asyncio.StreamReader) -> bytes:
    chunks = []
    count = 0
    while count < MOST_CANDIDATES and (chunk := await stream.read(_CHUNK)):
        chunks.append(chunk)
        count += chunk.count(b"\0")
    output = b"".join(chunks)
    return output[: output.rfind(b"\0") + 1]


async def _end(
    process: asyncio.subprocess.Process,
    stdout: asyncio.StreamReader,
    complaint: asyncio.Future[bytes],
) -> None:
    """Wait for the end, even if cancelled: it was killed or has closed its output."""

    async def drain() -> None:
        while await stdout.read(_CHUNK):
            pass  # some versions of Python see the end only once all is read

    ending = asyncio.gather(process.wait(), complaint, drain())
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        while not ending.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({ending})
        raise

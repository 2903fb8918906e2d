"""Programs of the hub end with it, even if it is killed outright."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agentos.hub.process_group import exit_code, process_group

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of it")

_HUB = """
import asyncio, os, sys
from pathlib import Path
from agentos.hub.process_group import process_group

async def main():
    command = ["sh", "-c", sys.argv[1]]
    async with process_group(command, cwd=Path("/"), env=dict(os.environ)) as process:
        print((await process.stdout.readline()).decode(), end="", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def _hub(program: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run something that has started a program; yield it and the program's descriptor."""
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HUB, program, stdout=asyncio.subprocess.PIPE
    )
    assert hub.stdout is not None
    pid = int(await hub.stdout.readline())
    program_fd = os.pidfd_open(pid)
    try:
        yield hub, program_fd
    finally:
        if hub.returncode is None:
            hub.kill()
            await hub.wait()
        try:
            signal.pidfd_send_signal(program_fd, signal.SIGKILL)
        except ProcessLookupError:
            pass  # as it should be
        os.close(program_fd)


async def _ended(program_fd: int) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(program_fd, over.set)
    try:
        async with asyncio.timeout(30):
            await over.wait()
    finally:
        loop.remove_reader(program_fd)


async def test_a_program_ends_with_a_hub_that_is_killed(tmp_path: Path) -> None:
    tidied = tmp_path / "tidied"
    program = f"trap 'echo > {tidied}; exit 0' TERM; echo $$; while :; do sleep 0.05; done"
    async with _hub(program) as (hub, program_fd):
        hub.send_signal(signal.SIGKILL)
        assert await hub.wait() == -signal.SIGKILL
        await _ended(program_fd)
        assert tidied.exists()


async def test_a_program_keeps_its_exit_code_and_its_signal(tmp_path: Path) -> None:
    for script, code in (("exit 7", 7), ("kill -KILL $$", -signal.SIGKILL)):
        command = ["sh", "-c", script]
        async with process_group(command, cwd=tmp_path, env=dict(os.environ)) as process:
            assert await exit_code(process) == code


@pytest.mark.parametrize("program", ["no-such-program", "./no-such-program", "/no/such/program"])
async def test_a_program_that_is_not_there_is_told_as_ever(tmp_path: Path, program: str) -> None:
    with pytest.raises(FileNotFoundError):
        async with process_group([program], cwd=tmp_path, env=dict(os.environ)):
            pass


async def test_a_program_is_found_from_its_own_directory(tmp_path: Path) -> None:
    script = tmp_path / "run"
    script.write_text("#!/bin/sh\nexit 5\n")
    script.chmod(0o755)
    async with process_group(["./run"], cwd=tmp_path, env={"PATH": "/nowhere"}) as process:
        assert await exit_code(process) == 5

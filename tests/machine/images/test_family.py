"""What a build started ends with it, however far it went away from it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agentos.machine.images.family import end_family

#: Three generations, the younger two in a session of their own and deaf to what asks them to end.
GENERATIONS = "setsid sh -c 'trap \"\" TERM INT HUP; sleep 1000 & echo $$ $!; wait' & wait"


def goes_on(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("leader", ["sh", "exec sh"])
async def test_other_sessions_end_too(leader: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "sh", "-c", f'{leader} -c "$0"; true', GENERATIONS, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    younger = [int(pid) for pid in (await process.stdout.readline()).split()]
    assert all(goes_on(pid) for pid in younger)
    await end_family(process.pid)
    assert [pid for pid in younger if goes_on(pid)] == []
    assert await process.wait() == -9


async def test_one_that_has_ended() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    await end_family(process.pid)

"""A hub that is killed loses no more than what it had not written."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agentos.hub.telemetry import log
from agentos.store import Store

_PROGRAM = """
import asyncio
import sys
from pathlib import Path

from agentos.home.projects import ActiveProjects
from agentos.hub.telemetry.event import HubEvent, Kind
from agentos.hub.telemetry.telemetry import Telemetry
from agentos.store import Store


async def main(store_url: str, state: Path) -> None:
    store = await Store.open(store_url)
    async with Telemetry(store, projects=ActiveProjects([], state)) as telemetry:
        number = 0
        while True:
            for _ in range(100):
                telemetry.record(HubEvent(kind=Kind.TOOL, name=str(number)))
                number += 1
            await asyncio.sleep(0)
            if number % 500 == 0:
                await telemetry.flush()
                print(number, flush=True)


asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""


async def test_what_was_written_survives_and_has_no_holes(url: str, tmp_path: Path) -> None:
    hub = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PROGRAM, url, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert hub.stdout is not None
    written = [int(await hub.stdout.readline()) for _ in range(5)][-1]
    hub.kill()
    await hub.communicate()
    store = await Store.open(url)
    numbers: list[int] = []
    while page := await log.following(store, len(numbers)):
        numbers += [int(record.name) for record in page]
    counts = await log.counted(store)
    await store.close()
    assert len(numbers) >= written
    assert numbers == list(range(len(numbers)))
    assert sum(total.count for total in counts.values()) == len(numbers)

"""A host program with a busy machine of isolation "landlock": `python landlock_host.py MARKER`.

It prints what it knows of the machine, one JSON object, and waits. `test_landlock.py` ends it in
several ways, also as an ordinary user, and looks for the marker.
"""

from __future__ import annotations

import asyncio
import json
import sys

from agentos.machine.machine import AgentOs

#: Leaves its session and its parent, as daemons do.
DAEMON = """
import os, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
print('on', flush=True)
while True: time.sleep(1000)
"""
#: Is another process every moment, so that whoever lists processes comes late.
RUNNER = """
import os, sys
print('on', flush=True)
while True:
    if os.fork(): os._exit(0)
    os.setsid()
"""


async def busy(vm: AgentOs, marker: str) -> None:
    """Leave all sorts of processes in the machine."""
    await vm.spawn(["sh", "-c", "sleep 1000; true", marker])
    contained = ["python3", "-c", "import time; print('on', flush=True); time.sleep(1000)", marker]
    for program, contain in ((DAEMON, False), (RUNNER, False), (None, True)):
        words = ["python3", "-c", program, marker] if program else contained
        process = await vm.spawn(words, contain=contain)
        assert process.stdout is not None
        await process.stdout.readline()


async def main() -> None:
    async with AgentOs(isolation="landlock") as vm:
        await busy(vm, sys.argv[1])
        known = {
            "init": vm.channel.init_pid,
            "guardian": int((await vm.exec("cut -d' ' -f4 /proc/$PPID/stat")).stdout),
            "home": vm.environment()["HOME"],
        }
        print(json.dumps(known), flush=True)  # noqa: T201 - for who started it
        if "stopped" in sys.argv:
            await vm.spawn("kill -STOP $PPID")
        if "closed" not in sys.argv:
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())

"""Moments of a conversation with Codex that the real one has only by chance: its part is played."""

from __future__ import annotations

import asyncio
import sys

from agentos.agents.definition import Launch
from agentos.sessions.codex.connection import CodexConnection
from agentos.testing.host_machine import HostMachine

#: A turn that has ended when it is interrupted, and says so only afterwards.
_ENDING = """
import json, sys
def say(**message):
    print(json.dumps(message), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    number, method = asked.get("id"), asked["method"]
    turn = {"id": "t", "items": [], "status": "inProgress"}
    if method == "turn/interrupt":
        say(id=number, error={"code": -32600, "message": "no active turn to interrupt"})
        turn["status"] = "completed"
        say(method="turn/completed", params={"threadId": "thread", "turn": turn})
    elif number is not None:
        thread = {"id": "thread"}
        say(id=number, result={"thread": thread, "model": "m", "data": [], "turn": turn})
"""


async def test_a_turn_that_ends_while_it_is_cancelled() -> None:
    async with HostMachine() as machine, asyncio.timeout(30):
        launch = Launch([sys.executable, "-c", _ENDING], {}, "/tmp", driver="codex")
        codex = await CodexConnection.start(machine, launch, "codex")
        try:
            await codex.open(launch, {})
            turn = asyncio.create_task(codex.prompt("thread", []))
            while not turn.done():
                await codex.cancel("thread")
                await asyncio.sleep(0)
            assert (await turn)["stopReason"] == "end_turn"
        finally:
            await codex.end()

"""Moments of a conversation with Codex that the real one has only by chance: its part is played."""

from __future__ import annotations

import asyncio
import sys

import pytest

from agentos.agents.definition import Launch
from agentos.errors import AgentCrashed, AgentError
from agentos.sessions import agent_process
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


#: A Codex that answers everything with the same, but turns with what it is given.
_ODD = """
import json, os, sys, time
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "turn/start":
        exec(sys.argv[1])
    if (number := asked.get("id")) is not None:
        result = {"thread": {"id": "thread"}, "model": "m", "data": []}
        print(json.dumps({"id": number, "result": result}), flush=True)
"""


async def prompted(turn: str) -> None:
    async with HostMachine() as machine, asyncio.timeout(30):
        launch = Launch([sys.executable, "-c", _ODD, turn], {}, "/tmp", driver="codex")
        codex = await CodexConnection.start(machine, launch, "codex")
        try:
            await codex.open(launch, {})
            await codex.prompt("thread", [])
        finally:
            await codex.end()


async def test_a_codex_that_says_no_more_has_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_process, "_PATIENCE", 0.1)
    begun = 'print(json.dumps({"id": asked["id"], "result": {"turn": {"id": "t"}}}), flush=True)'
    with pytest.raises(AgentCrashed):
        await prompted(f"{begun}; os.close(1); time.sleep(1000)")


async def test_an_answer_that_lacks_something_is_told() -> None:
    with pytest.raises(
        AgentError, match=r"do not understand each other: KeyError\('turn'\)"
    ) as caught:
        await prompted("pass")
    assert caught.value.code == "protocol_violated"


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

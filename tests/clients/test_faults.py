"""What goes wrong: the model provider, the adapter, the machine, our own process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clients.conftest import StageMaker

from agentos import (
    AgentCrashed,
    AgentOs,
    MachineError,
    ModelFailed,
    RehearsalModel,
    Scenario,
    SessionClosed,
    Step,
)
from agentos.agents.codex import Codex, CodexAcp
from agentos.agents.definition import installed_at
from agentos.sessions.create import create_session

#: Codex's own patience would make each of these take half a minute.
IMPATIENT = {"request_max_retries": 1, "stream_max_retries": 1}
ENV = {"CODEX_CONFIG": json.dumps({"model_providers": {"agentos": IMPATIENT}})}


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Step(status=401), "401"),
        (Step(status=429), "429"),
        (Step(status=500), "high demand|500"),
        (Step(say="half an ans", break_off=True), "disconnected"),
    ],
    ids=["401", "429", "500", "broken-off"],
)
async def test_provider_that_fails(stage: StageMaker, fault: Step, words: str) -> None:
    async with stage(fault, Step(say="recovered"), env=ENV) as s:
        with pytest.raises(ModelFailed, match=words):
            await s.session.prompt("hi")
        assert (await s.session.prompt("again")).text.endswith("recovered")


async def test_provider_that_is_down(vm: AgentOs, agent: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    env = {"OPENAI_API_KEY": "dummy", "OPENAI_BASE_URL": url, **ENV}
    session = await vm.create_session(agent, env=env, model="gpt-5.5")
    with pytest.raises(ModelFailed):
        await session.prompt("hi")


async def test_agent_killed_in_mid_turn_is_started_again(stage: StageMaker, agent: str) -> None:
    async with stage(Step(say="Noted."), Step(say="thinking", hang=True), Step(say="Blue.")) as s:
        await s.session.prompt("My colour is blue.")
        turn = s.session.prompt("hi")
        async for event in turn:
            if event.type == "agent_message_chunk":
                break
        program = "bin/codex app-server" if agent == "codex" else "codex-acp"
        (process,) = [p for p in await s.vm.processes() if program in " ".join(p.command[:2])]
        await s.vm.signal(process.pid, signal.SIGKILL)
        with pytest.raises(AgentCrashed) as caught:
            await turn
        assert isinstance(caught.value.stderr_tail, str)
        assert (await s.session.prompt("Which colour?")).text == "Blue."
        assert s.session.resumed is not None
        assert s.session.resumed.how == "agent"
        assert "My colour is blue." in str(s.model.turns[-1].body)
        (left,) = [p for p in await s.vm.processes() if program in " ".join(p.command[:2])]
        assert left.pid != process.pid


@pytest.mark.parametrize(("broken", "definition"), [("codex", Codex), ("codex-acp", CodexAcp)])
async def test_crash_tells_the_end_of_stderr(
    vm: AgentOs, broken: str, definition: type[Codex | CodexAcp]
) -> None:
    def locate(name: str) -> str:
        return "/home/agentos" if name == broken else installed_at(name)

    await vm.mkdir("dist")
    await vm.write_file("dist/index.js", 'console.error("the dog ate it"); process.exit(3)')
    await vm.mkdir("bin")
    await vm.write_file("bin/codex", "#!/bin/sh\necho the dog ate it >&2; exit 3")
    await vm.chmod("bin/codex", 0o755)
    async with RehearsalModel(Scenario(steps=[Step(say="never asked")])) as model:
        with pytest.raises(AgentCrashed) as caught:
            await create_session(vm, definition(locate), provider=model)
    assert "the dog ate it" in caught.value.stderr_tail
    assert await vm.processes() == []


async def test_machine_closed_in_mid_turn(stage: StageMaker) -> None:
    async with stage(Step(say="thinking", hang=True)) as s:
        turn = s.session.prompt("hi")
        async for event in turn:
            if event.type == "agent_message_chunk":
                break
        await s.vm.close()
        with pytest.raises((SessionClosed, MachineError)):
            await turn
        with pytest.raises(MachineError):
            await s.vm.exec("true")


_RUNNER = """
import asyncio, os
from agentos import AgentOs, RehearsalModel, Scenario, Step

async def main():
    scenario = Scenario(steps=[Step(run="sleep 56789"), Step(say="x")])
    async with RehearsalModel(scenario) as model, AgentOs() as vm:
        session = await vm.create_session("codex", provider=model)
        turn = session.prompt("go")
        while not any(p.executable == "sleep" for p in await vm.processes()):
            await asyncio.sleep(0.02)
        print("begun", flush=True)
        await turn

asyncio.run(main())
"""


def test_kill_9_of_our_process_leaves_nothing() -> None:
    mounts = Path("/proc/self/mountinfo").read_text()
    running = subprocess.Popen([sys.executable, "-c", _RUNNER], stdout=subprocess.PIPE, text=True)
    assert running.stdout
    assert running.stdout.readline() == "begun\n"
    inside = _descendants(running.pid)
    assert len(inside) >= 3
    running.kill()
    running.wait()
    running.stdout.close()
    for pid, started in inside.items():
        _await_end(pid, started)
    assert Path("/proc/self/mountinfo").read_text() == mounts


def _descendants(root: int) -> dict[int, str]:
    """Processes below one, as the host sees them, each with when it started."""
    parents: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = (int(fields[1]), fields[19])
    found: dict[int, str] = {}
    wave = {root}
    while wave:
        wave = {pid for pid, (parent, _) in parents.items() if parent in wave}
        found |= {pid: parents[pid][1] for pid in wave}
    return found


def _await_end(pid: int, started: str) -> None:
    """Wait until a process that is not our child has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[19] == started:
            import select

            assert select.select([fd], [], [], 30)[0], f"process {pid} is still there"
    finally:
        os.close(fd)

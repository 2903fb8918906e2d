"""The real Codex, driven directly and through its adapter, on the host, with a rehearsal model."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agentos.agents import AgentRequest
from agentos.agents.codex import Codex, CodexAcp
from agentos.errors import AgentCrashed, AgentError, ModelFailed, SessionClosed
from agentos.models.rehearsal import McpCall, RehearsalModel, Scenario, Step, When
from agentos.sessions import McpServer, Session, playing
from agentos.sessions.create import create_session
from agentos.software import ensure
from agentos.testing.host_machine import HostMachine

NOTES = Path(__file__).parents[1] / "models" / "notes_server.py"

CONFIG = """
model_provider = "custom"
[model_providers.custom]
name = "Custom"
base_url = "{base_url}"
env_key = "CUSTOM_KEY"
request_max_retries = 0
stream_max_retries = 0
"""


@pytest.fixture(params=[Codex, CodexAcp])
async def codex(request: pytest.FixtureRequest) -> Codex | CodexAcp:
    installed = {layer.name: str(layer.path) for layer in await ensure(["codex-acp"])}
    definition: Codex | CodexAcp = request.param(installed.__getitem__)
    return definition


@pytest.fixture
def open_codex(machine: HostMachine, codex: Codex | CodexAcp) -> Any:
    @asynccontextmanager
    async def open_session(
        steps: Sequence[Step], config: str = "", **options: Any
    ) -> AsyncIterator[tuple[Session, RehearsalModel]]:
        async with asyncio.timeout(60), RehearsalModel(Scenario(steps)) as model:
            home = machine.home / ".codex"
            home.mkdir()
            settings = CONFIG.format(base_url=model.base_url) + config
            (home / "config.toml").write_text(settings)
            env = {"CUSTOM_KEY": model.api_key} | options.pop("env", {})
            async with await create_session(machine, codex, env=env, **options) as session:
                yield session, model

    return open_session


async def test_codex_runs_a_command_and_edits_files(machine: HostMachine, open_codex: Any) -> None:
    patch = "*** Begin Patch\n*** Add File: made.txt\n+hello\n*** End Patch\n"
    steps = [
        Step(say="Looking.", run="echo seen; exit 3"),
        Step(when=When(exit_code=3), patch=patch),
        Step(say="Done."),
    ]
    async with open_codex(steps, model="gpt-5.5", instructions="Be kind to plants.") as opened:
        session, model = opened
        result = await session.prompt("go")
    assert result.text == "Looking.\n\nDone."
    assert (machine.home / "made.txt").read_text() == "hello\n"
    tools = [e.data for e in result.events if e.type.startswith("tool_call")]
    assert [t["command"] for t in tools if "command" in t] == ["echo seen; exit 3"]
    assert "".join(t.get("output", "") for t in tools) == "seen\n"
    assert [t["exit_code"] for t in tools if "exit_code" in t] == [3]
    assert [t["new_text"] for t in tools if "path" in t] == ["hello\n"]
    assert result.usage is not None
    assert result.usage.total_tokens > 0
    request = json.dumps(model.turns[0].body)
    assert "Be kind to plants." in request
    assert model.turns[0].body["model"] == "gpt-5.5"


async def test_cancel_kills_the_command_and_spares_the_mcp_server(
    machine: HostMachine, open_codex: Any
) -> None:
    steps = [
        Step(run="sleep 2001 & setsid -f sleep 2002; sleep 2003"),
        Step(call=McpCall("notes", "search_notes", {"query": "roses"})),
        Step(when=When(output="found roses"), say="still connected"),
    ]
    config = (
        f'[mcp_servers.notes]\ncommand = "{sys.executable}"\nargs = ["{NOTES}"]\nrequired = true\n'
    )
    async with open_codex(steps, config) as (session, _):
        turn = session.prompt("go")
        async for event in turn:
            if event.data.get("command"):
                while await _sleeping(machine) < 3:
                    await asyncio.sleep(0)
                await session.cancel()
                assert await _sleeping(machine) == 0
        assert (await turn).stop_reason == "cancelled"
        assert (await session.prompt("now the notes")).text == "still connected"


async def test_close_in_mid_command_ends_everything(machine: HostMachine, open_codex: Any) -> None:
    async with open_codex([Step(run="sleep 2004")]) as (session, _):
        turn = session.prompt("go")
        async for event in turn:
            if event.data.get("command"):
                break
        await session.close()
        with pytest.raises(SessionClosed):
            await turn
        assert await machine.processes() == []


async def test_a_killed_adapter_is_a_crash(
    machine: HostMachine, codex: Codex | CodexAcp, open_codex: Any
) -> None:
    script = (await codex.prepare(machine, AgentRequest(env={"OPENAI_API_KEY": "x"}))).argv[-1]
    async with open_codex([Step(run="setsid -f sleep 2005; sleep 2006")]) as (session, _):
        turn = session.prompt("go")
        async for event in turn:
            if event.data.get("command"):
                found = await machine.processes()
                [adapter] = [p for p in found if p.command[1:] == (script,)]
                await machine.signal(adapter.pid, signal.SIGKILL)
                break
        with pytest.raises(AgentCrashed, match="exit code 137"):
            await turn
        while session.resumed is None:
            await asyncio.sleep(0)
        assert not session.closed


async def _sleeping(machine: HostMachine) -> int:
    return len([p for p in await machine.processes() if p.executable == "sleep"])


@pytest.mark.parametrize("codex", [Codex], indirect=True)  # the adapter does not wait for it
async def test_an_mcp_server_of_the_caller_is_called(open_codex: Any) -> None:
    steps = [
        Step(call=McpCall("notes", "search_notes", {"query": "ivy"})),
        Step(when=When(output="found ivy"), say="found"),
    ]
    server = McpServer(command=sys.executable, args=[str(NOTES)])
    async with open_codex(steps, mcp_servers={"notes": server}) as (session, _):
        assert (await session.prompt("go")).text == "found"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Step(status=400), r"codex(-acp)?: rehearsed status 400"),
        (Step(status=401), "HTTP 401"),
        (Step(status=429), "429 Too Many Requests"),
        (Step(status=500), "high demand"),
        (Step(say="half an answ", break_off=True), "stream disconnected before completion"),
    ],
    ids=["400", "401", "429", "500", "break"],
)
async def test_a_failing_model_fails_the_turn_only(
    open_codex: Any, fault: Step, words: str
) -> None:
    async with open_codex([fault, Step(say="recovered")]) as (session, _):
        with pytest.raises(ModelFailed, match=words):
            await session.prompt("go")
        assert (await session.prompt("again")).text == "recovered"


async def test_an_unreachable_model_fails_the_turn(open_codex: Any) -> None:
    nowhere = {"model_providers": {"custom": {"base_url": "http://127.0.0.1:9/v1"}}}
    async with open_codex([Step(say="never")], env={"CODEX_CONFIG": json.dumps(nowhere)}) as (
        session,
        _,
    ):
        with pytest.raises(ModelFailed, match="Connection failed"):
            await session.prompt("go")


async def test_codexs_own_warnings_are_not_the_models_words(open_codex: Any) -> None:
    async with open_codex([Step(say="hi")], model="no-such-model") as (session, _):
        assert (await session.prompt("go")).text == "hi"
        stream = session.events()
        async for event in stream:
            if event.type == "warning":
                break
        assert "`no-such-model` not found" in event.data["message"]


async def test_the_model_is_changed(codex: Codex | CodexAcp, open_codex: Any) -> None:
    async with open_codex([Step(say="hi")], model="gpt-5.5") as (session, model):
        assert {option["id"] for option in session.options} >= {"mode", "model"}
        with pytest.raises(AgentError, match=r"values of reasoning_effort: .*high"):
            await session.set_option("reasoning_effort", "frantic")
        with pytest.raises(AgentError, match="its options: mode"):
            await session.set_option("mood", "calm")
        await session.set_model("gpt-5.6-sol")
        await session.prompt("go")
        assert model.turns[0].body["model"] == "gpt-5.6-sol"
        chosen = {option["id"]: option.get("currentValue") for option in session.options}
        assert chosen["model"] == "gpt-5.6-sol"


async def test_a_codex_that_does_not_answer_is_killed_when_it_is_cancelled(
    machine: HostMachine, open_codex: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playing, "CANCEL_PATIENCE", 0.1)
    monkeypatch.setattr(playing, "CANCEL_GRACE", 0.1)
    async with open_codex([Step(run="sleep 1006"), Step(say="Back.")]) as (session, _):
        turn = session.prompt("go")
        async for event in turn:
            if event.type == "tool_call":
                break
        for process in await machine.processes():
            if "sleep" not in str(process.command) and process.ppid != os.getpid():
                os.kill(process.pid, signal.SIGSTOP)
        await session.cancel()
        assert (await turn).stop_reason == "cancelled"
        assert (await session.prompt("go on")).text == "Back."
    assert await machine.processes() == []

"""The real Codex plays scenarios: all three of its tool protocols, and the faults."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agentos.models.rehearsal import (
    Kind,
    McpCall,
    Outcome,
    RehearsalModel,
    Scenario,
    Step,
    Usage,
    When,
    load_scenario,
)

if TYPE_CHECKING:
    from tests.models.conftest import Codex

PROTOCOLS = pytest.mark.parametrize(
    "slug", ["gpt-5.5", "gpt-5.6-luna", "some-model"], ids=["freeform", "code-mode", "functions"]
)
PATCH = '*** Begin Patch\n*** Add File: note.txt\n+it\'s "quoted" & $HOME\n*** End Patch\n'
LONG_TEXT = "One two three four five six seven eight nine ten."


def run_unittest(project: Path) -> str:
    command = [sys.executable, "-B", "-m", "unittest"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True).stderr


@PROTOCOLS
async def test_runs_a_command_and_writes_a_file(codex: Codex, slug: str) -> None:
    steps = [
        Step(
            when=When(user="be busy", request="<environment_context>"),
            think="First I look around.",
            say="I will run a command.",
            run="printf 'a\\n' > made.txt; echo \"it's done\"; exit 3",
        ),
        Step(when=When(exit_code=3, output="it's done"), run="cat made.txt", patch=PATCH),
        Step(when=When(exit_code=0), say="All done.", usage=Usage(1200, 34, 200, 5)),
    ]
    async with RehearsalModel(Scenario(steps)) as model:
        run = await codex.run(model, "Please be busy", slug=slug)
    assert model.mismatches == []
    assert run.exit_code == 0
    assert run.texts == ["I will run a command.", "All done."]
    assert [item["text"] for item in run.items("reasoning")] == ["First I look around."]
    assert [item["exit_code"] for item in run.items("command_execution")] == [3, 0]
    assert [change["kind"] for item in run.items("file_change") for change in item["changes"]]
    assert (codex.workspace / "made.txt").read_text() == "a\n"
    assert (codex.workspace / "note.txt").read_text() == 'it\'s "quoted" & $HOME\n'
    assert [request.outcome for request in model.turns] == [Outcome.ANSWERED] * 3


@PROTOCOLS
async def test_a_patch_that_does_not_apply_is_no_success(codex: Codex, slug: str) -> None:
    patch = PATCH.replace("Add", "Update").replace("+", "@@\n-")
    steps = [Step(patch=patch), Step(when=When(output="verification failed"), say="It failed.")]
    async with RehearsalModel(Scenario(steps)) as model:
        run = await codex.run(model, "Go", slug=slug)
        assert model.turns[-1].exit_code is None
    assert run.texts == ["It failed."]


@PROTOCOLS
async def test_calls_a_tool_of_an_mcp_server(codex: Codex, slug: str) -> None:
    server = Path(__file__).with_name("notes_server.py")
    config = (
        f"[mcp_servers.team-notes]\ncommand = '{sys.executable}'\nargs = ['{server}']\n"
        "required = true\nstartup_timeout_sec = 60\n"  # Codex then waits for the server to start
    )
    steps = [
        Step(call=McpCall("team-notes", "search_notes", {"query": "tea"})),
        Step(when=When(output="found tea"), say="Tea it is."),
    ]
    async with RehearsalModel(Scenario(steps)) as model:
        run = await codex.run(model, "Which drink?", slug=slug, config=config)
    assert run.texts == ["Tea it is."], run.stderr
    [call] = run.items("mcp_tool_call")
    assert (call["server"], call["tool"]) == ("team-notes", "search_notes")


async def test_a_tool_nobody_offers_is_told(codex: Codex) -> None:
    scenario = Scenario([Step(call=McpCall("nobody", "nothing"))])
    async with RehearsalModel(scenario) as model:
        run = await codex.run(model, "Go")
    assert "step 1 expected the tool `nothing` of the MCP server `nobody`" in run.failure


@PROTOCOLS
async def test_the_shipped_scenario_repairs_its_project(codex: Codex, slug: str) -> None:
    scenario = load_scenario("fix-failing-test")
    assert scenario.project is not None
    assert scenario.prompt is not None
    shutil.copytree(scenario.project, codex.workspace, dirs_exist_ok=True)
    assert "FAILED (failures=1)" in run_unittest(codex.workspace)
    async with RehearsalModel(scenario) as model:
        run = await codex.run(model, scenario.prompt, slug=slug)
    assert run.failure == ""
    assert "All 3 tests pass" in run.texts[-1]
    assert run_unittest(codex.workspace).endswith("OK\n")
    assert [item["exit_code"] for item in run.items("command_execution")] == [1, 0, 0]


async def test_an_unexpected_situation_is_shown_to_the_user(codex: Codex) -> None:
    steps = [Step(run="echo surprise"), Step(when=When(output="as planned"), say="never")]
    async with RehearsalModel(Scenario(steps, name="plan")) as model:
        run = await codex.run(model, "Go")
    assert run.exit_code == 1
    assert "rehearsal of `plan`: step 2 expected tool output matching `as planned`" in run.failure
    assert "surprise" in run.failure
    assert [mismatch.step for mismatch in model.mismatches] == [2]


async def test_a_resumed_thread_goes_on_and_ends_with_the_scenario(codex: Codex) -> None:
    async with RehearsalModel(Scenario([Step(say="One."), Step(say="Two.")])) as model:
        first = await codex.run(model, "First")
        second = await codex.run(model, "Second", resume=True)
        third = await codex.run(model, "Third", resume=True)
    assert (first.texts, second.texts) == (["One."], ["Two."])
    assert "the scenario ended with step 2" in third.failure
    assert "Third" in third.failure
    assert [request.last_user_text for request in model.turns] == ["First", "Second", "Third"]


# Codex puts a 500 into words of its own.
@pytest.mark.parametrize(("status", "told"), [(401, "401"), (429, "429"), (500, "high demand")])
async def test_an_error_status_fails_the_turn_and_the_next_turn_goes_on(
    codex: Codex, status: int, told: str
) -> None:
    steps = [Step(status=status, retry_after=0 if status == 429 else None), Step(say="Back.")]
    async with RehearsalModel(Scenario(steps)) as model:
        failed = await codex.run(model, "Go")
        again = await codex.run(model, "Again", resume=True)
    assert failed.exit_code == 1
    assert told in failed.failure
    assert again.texts == ["Back."]


async def test_a_wrong_key_is_refused(codex: Codex) -> None:
    async with RehearsalModel(Scenario([Step(say="never")])) as model:
        run = await codex.run(model, "Go", key="wrong")
    assert "401" in run.failure
    assert "the API key is not the right one" in run.failure


@pytest.mark.parametrize(
    "fault",
    [Step(status=500, times=1), Step(say=LONG_TEXT, break_off=True, times=1)],
    ids=["status", "break-off"],
)
async def test_a_retry_gets_over_a_fault_that_ends(codex: Codex, fault: Step) -> None:
    async with RehearsalModel(Scenario([fault, Step(say="Recovered.")])) as model:
        run = await codex.run(model, "Go")
    assert run.texts == ["Recovered."]
    assert run.exit_code == 0
    assert len(model.turns) == 2


async def test_a_stream_that_keeps_breaking_off_fails_the_turn(codex: Codex) -> None:
    scenario = Scenario([Step(say=LONG_TEXT, break_off=True)])
    async with RehearsalModel(scenario) as model:
        run = await codex.run(model, "Go")
    assert "stream disconnected before completion" in run.failure
    assert {request.outcome for request in model.turns} == {Outcome.BROKEN_OFF}


async def test_a_hanging_stream_ends_with_its_client(codex: Codex) -> None:
    async with RehearsalModel(Scenario([Step(say=LONG_TEXT, hang=True)])) as model:
        process = await codex.start(model, "Go")
        async with asyncio.timeout(30):
            request = await model.wait_for(Kind.TURN)
            assert request.outcome is None
            os.killpg(process.pid, signal.SIGKILL)
            assert await request.ended() is Outcome.DISCONNECTED

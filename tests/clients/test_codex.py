"""The real Codex at work: commands, files, skills, instructions, cancel."""

from __future__ import annotations

import asyncio
import os

import pytest
from tests.clients.conftest import StageMaker, until_running
from tests.conftest import require_runsc

from agentos import AgentOs, RehearsalModel, SessionEvent, Step
from agentos.models.rehearsal import When

PATCH = """\
*** Begin Patch
*** Add File: made_by_patch.txt
+hello from patch
*** End Patch
"""


@pytest.mark.parametrize("slug", ["gpt-5.5", "some-new-model", "gpt-6.1-luna"])
async def test_runs_a_command_and_writes_a_file(stage: StageMaker, slug: str) -> None:
    steps = [
        Step(say="I will run a command.", run="id -u; pwd; echo by-shell > made_by_shell.txt"),
        Step(when=When(exit_code=0, output="1000\n/home/agentos"), patch=PATCH),
        Step(say="All done."),
    ]
    async with stage(*steps, slug=slug) as s:
        events: list[SessionEvent] = []
        turn = s.session.prompt("Make two files")
        async for event in turn:
            events.append(event)
        result = await turn
        assert await s.vm.read_text("made_by_shell.txt") == "by-shell\n"
        assert await s.vm.read_text("made_by_patch.txt") == "hello from patch\n"
    assert not s.model.mismatches
    assert result.stop_reason == "end_turn"
    assert result.text.endswith("All done.")
    assert result.usage is not None
    assert [event.seq for event in events] == list(
        range(events[0].seq, events[0].seq + len(events))
    )
    assert events[0].type == "turn_started"
    assert events[-1].type == "turn_ended"


async def test_works_behind_a_kernel_of_its_own(stage: StageMaker) -> None:
    require_runsc()
    steps = [
        Step(run="test $(uname -r) != $HOST_KERNEL && echo by-shell > made_by_shell.txt"),
        Step(when=When(exit_code=0), patch=PATCH),
        Step(say="All done."),
    ]
    env = {"HOST_KERNEL": os.uname().release}
    async with stage(*steps, isolation="gvisor", env=env) as s:
        assert (await s.session.prompt("Make two files")).text.endswith("All done.")
        assert await s.vm.read_text("made_by_shell.txt") == "by-shell\n"
        assert await s.vm.read_text("made_by_patch.txt") == "hello from patch\n"
    assert not s.model.mismatches


async def test_events_show_the_command_its_output_and_exit_code(stage: StageMaker) -> None:
    async with stage(Step(run="echo visible; exit 3"), Step(say="ok")) as s:
        turn = s.session.prompt("go")
        data = [e.data async for e in turn if e.type in ("tool_call", "tool_call_update")]
    assert any("echo visible; exit 3" in d.get("command", "") for d in data)
    assert "".join(d.get("output", "") for d in data) == "visible\n"
    assert [d["exit_code"] for d in data if "exit_code" in d] == [3]


async def test_events_show_edits_as_old_and_new_text(stage: StageMaker) -> None:
    patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n+two\n*** End Patch\n"
    async with stage(Step(patch=patch), Step(say="ok"), files={"a.txt": "one\n"}) as s:
        data = [e.data async for e in s.session.prompt("edit it")]
        assert await s.vm.read_text("a.txt") == "two\n"
    edits = [edit for d in data for edit in d.get("edits", ())]
    assert any("one" in (e["old_text"] or "") and "two" in e["new_text"] for e in edits)


async def test_cancel_in_mid_command_kills_the_command(stage: StageMaker) -> None:
    command = "(setsid sleep 54321 &); sleep 54322"
    async with stage(Step(run=command), Step(say="still here")) as s:
        turn = s.session.prompt("go")
        await until_running(s.vm, "sleep", "54322")
        await s.session.cancel()
        assert (await turn).stop_reason == "cancelled"
        running = [p.command for p in await s.vm.processes() if p.command]
        assert not [command for command in running if command[0] == "sleep"]
        assert (await s.session.prompt("and now?")).text.endswith("still here")


async def test_skill_written_before_the_session_is_offered_to_the_model(stage: StageMaker) -> None:
    skill = "---\nname: commit-style\ndescription: How we word commits here.\n---\nShort lines.\n"
    files = {".codex/skills/commit-style/SKILL.md": skill}
    async with stage(Step(say="read it"), Step(say="again"), files=files) as s:
        await s.session.prompt("hello")
        assert "How we word commits here." in s.model.turns[0].input_text
        await s.session.prompt("use $commit-style")
        assert "Short lines." in s.model.turns[1].input_text


async def test_instructions_and_model_reach_the_model(stage: StageMaker) -> None:
    settings = {"instructions": "Always answer in verse.", "model": "gpt-5.5"}
    async with stage(Step(say="ok"), slug="gpt-5.5", **settings) as s:
        await s.session.prompt("hello")
    request = s.model.turns[0]
    assert request.model == "gpt-5.5"
    assert any("Always answer in verse." in text for text in request.developer_messages)


async def test_works_in_the_directory_it_is_given(vm: AgentOs, agent: str) -> None:
    scenario_steps = [Step(run="pwd"), Step(when=When(output="/home/agentos/deep/er"), say="ok")]
    from agentos import Scenario

    await vm.mkdir("deep/er", parents=True)
    await vm.write_file("deep/er/AGENTS.md", "The password is swordfish.")
    async with RehearsalModel(Scenario(steps=scenario_steps)) as model:
        session = await vm.create_session(agent, provider=model, cwd="deep/er")
        await session.prompt("where are you?")
        assert "swordfish" in model.turns[0].input_text
    assert not model.mismatches


async def test_two_sessions_in_one_machine(stage: StageMaker, agent: str) -> None:
    async with stage(Step(run="echo one >> log"), Step(say="done")) as s:
        other = await s.vm.create_session(agent, provider=s.model)
        await asyncio.gather(s.session.prompt("a"), other.prompt("b"))
        assert (await s.vm.read_text("log")).count("one") == 2
        await other.close()


async def test_close_leaves_no_process_in_the_machine(stage: StageMaker) -> None:
    async with stage(Step(run="(setsid sleep 54323 &); echo ok"), Step(say="done")) as s:
        await s.session.prompt("go")
        await s.session.close()
        assert await s.vm.processes() == []
        assert [e.type async for e in s.session.events()][-1] == "agent_exited"


async def test_machine_reaches_the_model_and_nothing_else(stage: StageMaker) -> None:
    command = "getent hosts example.com || echo no example; getent hosts models.agentos.internal"
    async with stage(Step(run=command), Step(when=When(output="no example"), say="ok")) as s:
        await s.session.prompt("look around")
    assert not s.model.mismatches

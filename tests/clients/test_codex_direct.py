"""What only the direct way to Codex offers: questions, streamed output, credentials in memory."""

from __future__ import annotations

import pytest
from tests.clients.conftest import StageMaker, until_running

from agentos import SessionEvent, Step
from agentos.models.rehearsal import When
from agentos.sessions.permissions import PermissionRequest

PATCH = "*** Begin Patch\n*** Add File: made.txt\n+hello\n*** End Patch\n"


@pytest.fixture
def agent() -> str:
    return "codex"


async def test_it_asks_before_it_acts_when_somebody_answers(stage: StageMaker) -> None:
    asked: list[PermissionRequest] = []

    def decide(request: PermissionRequest) -> str:
        asked.append(request)
        return "reject_once" if "forbidden" in str(request.tool_call) else "allow_once"

    steps = [
        Step(run="touch forbidden"),
        Step(run="touch allowed"),
        Step(patch=PATCH),
        Step(say="done"),
    ]
    async with stage(*steps, permission=decide) as s:
        result = await s.session.prompt("go")
        assert result.text.endswith("done")
        assert {"allowed", "made.txt"} <= set(await s.vm.listdir("."))
        assert not await s.vm.exists("forbidden")
    assert [r.tool_call["kind"] for r in asked] == ["execute", "execute", "edit"]
    assert {o.kind for o in asked[0].options} == {"allow_once", "allow_always", "reject_once"}


async def test_an_answer_for_the_session_is_asked_once(stage: StageMaker) -> None:
    asked = []

    def decide(request: PermissionRequest) -> str:
        asked.append(request)
        return "acceptForSession"

    steps = [Step(run="touch x"), Step(run="touch x"), Step(say="done")]
    async with stage(*steps, permission=decide) as s:
        await s.session.prompt("go")
    assert len(asked) == 1


async def test_full_access_asks_nothing_and_the_mode_can_change(stage: StageMaker) -> None:
    steps = [Step(run="touch a"), Step(say="one"), Step(run="touch b"), Step(say="two")]
    async with stage(*steps) as s:
        free = await s.session.prompt("go")
        assert "permission_requested" not in [event.type for event in free.events]
        await s.session.set_mode("ask")
        asked = await s.session.prompt("go on")
        assert "permission_requested" in [event.type for event in asked.events]


async def test_output_streams_while_the_command_runs(stage: StageMaker) -> None:
    script = "echo one; sleep 0.2; echo two; while [ ! -e go ]; do sleep 0.02; done; echo three"
    async with stage(Step(run=script), Step(say="done")) as s:
        seen: list[SessionEvent] = []
        async for event in s.session.prompt("go"):
            seen.append(event)
            if event.data.get("output") == "two\n":
                await s.vm.write_file("go", "")  # it ends only when its output was seen
    (full,) = [e.data["full_output"] for e in seen if "full_output" in e.data]
    assert full == "one\ntwo\nthree\n"


async def test_the_key_is_in_codexs_memory_alone(stage: StageMaker) -> None:
    async with stage(Step(run="sleep 54325; env"), Step(say="done")) as s:
        key = s.model.api_key
        assert key
        turn = s.session.prompt("go")
        sleeping = await until_running(s.vm, "sleep", "54325")
        for place in ("/proc/[0-9]*/environ", "/proc/[0-9]*/cmdline", "-r ~", "-r /tmp"):
            found = await s.vm.exec(f"grep -alF -f - {place} 2>/dev/null", input=key)
            assert found.stdout == ""
        assert (await s.vm.exec("ls ~/.codex/sessions")).exit_code == 0
        await s.vm.signal(sleeping.pid, 15)
        await turn
    assert s.model.turns[0].headers["authorization"] == f"Bearer {key}"


async def test_no_call_is_made_that_nobody_asked_for(stage: StageMaker) -> None:
    async with stage(Step(say="one"), Step(when=When(), say="two")) as s:
        await s.session.prompt("go")
        await s.session.prompt("again")
    assert len(s.model.requests) == 2

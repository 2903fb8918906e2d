"""Sessions that go on: after their process, their machine, their agent's files have gone."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from agentos import AgentOs, RehearsalModel, Scenario, SessionNotFound, SessionTaken, Step
from agentos.models.rehearsal import When


def played(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps), model="gpt-5.5"))


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/store.db")


@pytest.mark.parametrize("agent", ["codex", "codex-acp"])
async def test_in_another_machine_the_agent_remembers(agent: str) -> None:
    async with played(Step(say="Noted."), Step(say="Blue.")) as model:
        async with AgentOs(name="first") as vm:
            session = await vm.create_session(agent, provider=model)
            await session.prompt("My colour is blue.")
            await session.close()
        async with AgentOs(name="second") as vm:
            again = await vm.resume_session(session.id, provider=model)
            assert again.resumed is not None
            assert again.resumed.how == "agent"
            assert any("machine first" in lost for lost in again.resumed.lost)
            assert again.agent_session == session.agent_session
            result = await again.prompt("Which colour?")
            assert result.text == "Blue."
            assert "My colour is blue." in str(model.turns[-1].body)
            await again.close()
            kinds = [event.type async for event in again.events()]
    assert kinds.count("turn_started") == 2
    assert [e.data["turn"] for e in result.events if e.type == "turn_ended"] == [2]


@pytest.mark.parametrize("agent", ["codex", "codex-acp"])
async def test_without_its_files_a_fresh_agent_is_told(agent: str) -> None:
    async with played(Step(say="Noted.")) as model, AgentOs() as vm:
        session = await vm.create_session(agent, provider=model)
        await session.prompt("My colour is blue.")
    _forget_files(session.id)
    async with played(Step(say="Blue.")) as model, AgentOs() as vm:
        again = await vm.resume_session(session.id, provider=model)
        assert again.resumed is not None
        assert again.resumed.how == "transcript"
        assert (await again.prompt("Which colour?")).text == "Blue."
        assert "My colour is blue." in str(model.turns[0].body)
        assert "Noted." in str(model.turns[0].body)


def _forget_files(session_id: str) -> None:
    from agentos.sessions.transcripts.kept_files import KeptFiles

    KeptFiles(session_id).remove()


async def test_whoever_had_it_can_write_no_more(vm: AgentOs) -> None:
    async with played(Step(say="one"), Step(say="two"), Step(say="three")) as model:
        first = await vm.create_session("codex", provider=model)
        await first.prompt("go")
        second = await vm.resume_session(first.id, provider=model)
        await second.prompt("go on")
        with pytest.raises(SessionTaken):
            await first.prompt("me too")
        assert [record.id for record in await vm.sessions()] == [first.id]


async def test_a_session_that_is_not_there(vm: AgentOs) -> None:
    with pytest.raises(SessionNotFound, match="'nonsense'"):
        await vm.resume_session("nonsense")


_DRIVER = """
import asyncio
from agentos import AgentOs, RehearsalModel, Scenario, Step

async def main():
    scenario = Scenario(steps=[Step(say="Noted."), Step(run="sleep 56790")], model="gpt-5.5")
    async with RehearsalModel(scenario) as model, AgentOs() as vm:
        session = await vm.create_session("codex", provider=model)
        await session.prompt("My colour is blue.")
        async for event in session.prompt("Sleep."):
            if event.data.get("command"):
                print(session.id, event.seq, flush=True)

asyncio.run(main())
"""


async def test_after_kill_9_of_the_host_process(vm: AgentOs) -> None:
    driver = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _DRIVER, stdout=asyncio.subprocess.PIPE
    )
    assert driver.stdout is not None
    session_id, seq = (await driver.stdout.readline()).decode().split()
    driver.kill()
    await driver.communicate()
    async with played(Step(when=When(user="Which"), say="Blue.")) as model:
        session = await vm.resume_session(session_id, provider=model)
        assert session.resumed is not None
        assert session.resumed.how == "agent"
        assert any("turn 2" in lost for lost in session.resumed.lost)
        assert (await session.prompt("Which colour?")).text == "Blue."
        await session.close()
        events = [event async for event in session.events()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len(events) > int(seq)
    ends = [event.data for event in events if event.type == "turn_ended"]
    assert [end["turn"] for end in ends] == [1, 2, 3]
    assert ends[1]["error"]["code"] == "turn_interrupted"

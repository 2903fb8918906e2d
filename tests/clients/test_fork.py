"""Sessions that branch with their machine, rest, and are asked the same thing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos import AgentError, AgentOs, MachineError, RehearsalModel, Scenario, Step


@pytest.fixture(autouse=True)
def _own_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AGENTOS_STORE_URL", f"sqlite:///{tmp_path}/store.db")


def played(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps), model="gpt-5.5"))


async def test_a_fork_knows_and_has_what_was_there(vm: AgentOs, agent: str) -> None:
    async with played(Step(say="One."), Step(say="Two.")) as model:
        session = await vm.create_session(agent, provider=model)
        await session.prompt("My colour is blue.")
        await vm.write_file("colour", b"blue\n")
        fork = await session.fork()
        assert fork.resumed is not None
        assert fork.resumed.how == "agent"
        assert fork.machine is not vm
        assert await fork.machine.read_text("colour") == "blue\n"
        await fork.prompt("Which colour?")
        assert "My colour is blue." in str(model.turns[-1].body)
        await fork.machine.write_file("colour", b"red\n")
        assert await vm.read_text("colour") == "blue\n"
        assert (await session.prompt("Are you there?")).text == "Two."
        assert "My colour is blue." in str(model.turns[-1].body)
        assert "Which colour?" not in str(model.turns[-1].body)
        await fork.close()
        records = {record.id: record for record in await vm.sessions()}
        assert records[fork.id].parent == session.id
        assert records[session.id].parent is None
        with pytest.raises(MachineError):
            await fork.machine.read_text("colour")


async def test_a_fork_of_a_fork_whose_files_are_lost_is_told_all(vm: AgentOs) -> None:
    from agentos.sessions.transcripts.kept_files import KeptFiles

    async with played(Step(say="Noted."), Step(say="Noted too."), Step(say="Never.")) as model:
        session = await vm.create_session("codex", provider=model)
        await session.prompt("My colour is blue.")
        async with await session.fork() as fork:
            await fork.prompt("My tree is the elm.")
        await session.prompt("My river is the Elbe.")
    KeptFiles(fork.id).remove()
    async with played(Step(say="Blue, elm.")) as model, AgentOs() as other:
        again = await other.resume_session(fork.id, provider=model)
        assert again.resumed is not None
        assert again.resumed.how == "transcript"
        await again.prompt("What do you know?")
        said = str(model.turns[0].body)
    assert "My colour is blue." in said
    assert "My tree is the elm." in said
    assert "Elbe" not in said


async def test_a_fork_closes_with_its_machine(vm: AgentOs) -> None:
    async with played(Step(say="Hi.")) as model:
        session = await vm.create_session("codex", provider=model)
        fork = await session.fork()
        await fork.machine.close()  # type: ignore[attr-defined]
        assert fork.closed
        assert (await session.prompt("go")).text == "Hi."


async def test_codex_rests_and_remembers(vm: AgentOs, agent: str) -> None:
    async with played(Step(say="Noted."), Step(say="Blue.")) as model:
        session = await vm.create_session(agent, provider=model, idle_timeout=0.2)
        await session.prompt("My colour is blue.")
        async for event in session.events():
            if event.type == "agent_exited":
                assert event.data["reason"] == "idle"
                break
        assert await vm.processes() == []
        assert (await session.prompt("Which colour?")).text == "Blue."
        assert session.resumed is not None
        assert session.resumed.how == "agent"
        assert "My colour is blue." in str(model.turns[-1].body)


async def test_a_key_is_known_after_a_resume(vm: AgentOs) -> None:
    async with played(Step(say="One."), Step(status=400), Step(say="Two.")) as model:
        first = await vm.create_session("codex", provider=model)
        result = await first.prompt("go", idempotency_key="a")
        with pytest.raises(AgentError):
            await first.prompt("fail", idempotency_key="b")
        await first.close()
        asked = len(model.turns)
        again = await vm.resume_session(first.id, provider=model)
        turn = again.prompt("go", idempotency_key="a")
        assert await turn == result
        assert [event async for event in turn] == list(result.events)
        with pytest.raises(AgentError) as caught:
            await again.prompt("fail", idempotency_key="b")
        assert caught.value.code == "model_failed"
        assert len(model.turns) == asked
        assert (await again.prompt("new", idempotency_key="c")).text == "Two."


async def test_a_mode_asks_and_is_kept(vm: AgentOs) -> None:
    async with played(Step(run="touch made"), Step(say="Done.")) as model:
        session = await vm.create_session("codex", provider=model, mode="ask", permission="reject")
        await session.prompt("go")
        await session.close()
        again = await vm.resume_session(session.id, provider=model)
        [mode] = [option for option in again.options if option["id"] == "mode"]
        assert mode["currentValue"] == "ask"
    with pytest.raises(AgentError) as caught:
        await vm.create_session("codex", env={"OPENAI_API_KEY": "x"}, mode="nonsense")
    assert "agent-full-access" in str(caught.value.hint)

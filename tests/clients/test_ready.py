"""Codex that waits in a machine of a pool for its session."""

from __future__ import annotations

import pytest

from agentos import AgentError, AgentNotFound, AgentOs, MachinePool, RehearsalModel, Scenario, Step


def played(*steps: Step) -> RehearsalModel:
    return RehearsalModel(Scenario(steps=list(steps), model="gpt-5.5"))


async def codex_pids(vm: AgentOs) -> set[int]:
    processes = await vm.processes()
    return {p.pid for p in processes if "app-server" in p.command and p.executable == "codex"}


async def test_a_session_gets_the_agent_that_waits() -> None:
    async with MachinePool(1, agent="codex") as pool, played(Step(say="hello")) as model:
        vm = await pool.take()
        (waiting,) = await codex_pids(vm)
        session = await vm.create_session("codex", provider=model)
        assert await codex_pids(vm) == {waiting}
        assert (await session.prompt("hi")).text == "hello"
        async with await vm.create_session("codex", provider=model):
            assert len(await codex_pids(vm)) == 2
        await vm.close()


async def test_what_is_known_late_reaches_it(vm: AgentOs) -> None:
    await vm.ready_agent("codex")
    (waiting,) = await codex_pids(vm)
    await vm.write_file(".codex/config.toml", 'developer_instructions = "Written late."\n')
    async with played(Step(run="echo $COLOUR $OPENAI_API_KEY"), Step(say="ok")) as model:
        env = {"OPENAI_API_KEY": model.api_key, "OPENAI_BASE_URL": model.base_url}
        session = await vm.create_session("codex", env={**env, "COLOUR": "green"}, model="gpt-5.5")
        assert await codex_pids(vm) == {waiting}
        result = await session.prompt("hi")
        outputs = [e.data["full_output"] for e in result.events if "full_output" in e.data]
        assert outputs == [f"green {model.api_key}\n"]
        assert "Written late." in str(model.turns[0].body)


async def test_what_must_be_known_early_gets_a_process_of_its_own(vm: AgentOs) -> None:
    await vm.ready_agent("codex")
    (waiting,) = await codex_pids(vm)
    await vm.mkdir("elsewhere")
    async with played(Step(say="ok")) as model:
        env = {"CODEX_HOME": "/home/agentos/elsewhere"}
        session = await vm.create_session("codex", env=env, provider=model)
        assert waiting not in await codex_pids(vm)
        await session.prompt("hi")
        assert "sessions" in await vm.listdir("elsewhere")


async def test_one_that_died_waiting_is_replaced(vm: AgentOs) -> None:
    await vm.ready_agent("codex")
    (waiting,) = await codex_pids(vm)
    await vm.signal(waiting, 9)
    async with played(Step(say="ok")) as model:
        session = await vm.create_session("codex", provider=model)
        assert (await session.prompt("hi")).text == "ok"


async def test_an_agent_that_cannot_wait(vm: AgentOs) -> None:
    with pytest.raises(AgentError) as caught:
        await vm.ready_agent("codex-acp")
    assert caught.value.code == "agent_cannot_wait"


async def test_a_session_that_is_not_made_leaves_none_waiting(vm: AgentOs) -> None:
    await vm.ready_agent("codex")
    with pytest.raises(AgentNotFound):
        await vm.create_session("codecs")
    assert await codex_pids(vm) == set()


async def test_closing_ends_the_one_that_waits() -> None:
    async with AgentOs() as vm:
        await vm.ready_agent("codex")
    assert vm.closed

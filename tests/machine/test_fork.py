"""Branches of a machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import Footprint

from agentos import AgentOs, IsolationUnavailable, LimitExceeded, MachineError, NetworkPolicy
from agentos.machine import branching
from agentos.machine.isolation import namespace


@asynccontextmanager
async def forked(vm: AgentOs, n: int = 1) -> AsyncIterator[list[AgentOs]]:
    children = await vm.fork(n)
    try:
        yield children
    finally:
        for child in children:
            await child.close()


async def test_children_start_with_the_files_and_go_their_own_ways(vm: AgentOs) -> None:
    await vm.exec(
        "mkdir d; echo old > d/kept; echo old > d/changed; echo old > d/gone; echo t > /tmp/t"
    )
    async with forked(vm, 2) as (one, two):
        assert (await one.exec("cat d/* /tmp/t")).stdout == "old\nold\nold\nt\n"
        await one.exec("echo one > d/changed; rm d/gone; rm /tmp/t; echo new > d/new", check=True)
        await vm.exec("echo parent > d/changed; echo also > d/parent", check=True)
        assert await two.read_text("d/changed") == "old\n"
        assert await one.listdir("d") == ["changed", "kept", "new"]
        assert await two.listdir("d") == ["changed", "gone", "kept"]
        assert await vm.listdir("d") == ["changed", "gone", "kept", "parent"]
        assert await vm.read_text("d/changed") == "parent\n"
        assert (await two.read_text("/tmp/t"), await one.exists("/tmp/t")) == ("t\n", False)


async def test_directory_replaced_in_a_child_hides_the_old_one(vm: AgentOs) -> None:
    await vm.exec("mkdir d; touch d/a d/b")
    async with forked(vm) as (child,):
        await child.exec("rm -r d; mkdir d; touch d/c", check=True)
        async with forked(child) as (grandchild,):
            assert await grandchild.listdir("d") == ["c"]
        assert await vm.listdir("d") == ["a", "b"]


async def test_branches_of_branches_outlive_their_parents() -> None:
    async with AgentOs() as first:
        await first.write_file("generation", "1")
        (second,) = await first.fork()
    await second.append_file("generation", "2")
    (third,) = await second.fork()
    await second.close()
    try:
        await third.append_file("generation", "3")
        assert await third.read_text("generation") == "123"
        assert (await third.exec("cat generation")).stdout == "123"
    finally:
        await third.close()


async def test_processes_of_the_parent_go_on_and_are_not_in_the_child(vm: AgentOs) -> None:
    script = "i=0; while :; do i=$((i+1)); echo $i > new; mv new counter; done"
    async with await vm.spawn(script) as busy:
        while not await vm.exists("counter"):
            await asyncio.sleep(0.01)
        async with forked(vm, 2) as (one, two):
            frozen = await one.read_text("counter")
            assert frozen == await two.read_text("counter")
            assert await one.processes() == []
            while await vm.read_text("counter") == frozen:
                await asyncio.sleep(0.01)
            assert await one.read_text("counter") == frozen
        assert busy.exit_code is None


async def test_child_has_the_settings_of_its_parent() -> None:
    policy = NetworkPolicy(allow=["api.example.com"])
    settings = {"env": {"COLOUR": "blue"}, "name": "parent"}
    async with AgentOs(network=policy, **settings) as vm, forked(vm) as (child,):  # type: ignore[arg-type]
        assert (await child.exec("echo $COLOUR; hostname")).stdout == "blue\nparent\n"
        assert child.network.policy == policy
        for machine in (vm, child):
            assert (await machine.exec("getent hosts api.example.com")).exit_code == 0


async def test_parent_and_child_share_no_network_and_no_ids(vm: AgentOs) -> None:
    async with forked(vm) as (child,), await vm.spawn("sleep 1000"):
        assert [p.executable for p in await child.processes()] == []


async def test_nothing_is_left() -> None:
    before = Footprint.now()
    async with AgentOs() as vm:
        await vm.write_file("x", "y")
        for _ in range(3):
            async with forked(vm, 3) as children:
                assert [await child.read_text("x") for child in children] == ["y"] * 3
    assert Footprint.now().grown_since(before) == []


async def test_cancelled_fork_leaves_nothing() -> None:
    before = Footprint.now()
    async with AgentOs() as vm:
        await vm.write_file("x", "y")
        for _ in range(5):
            forking = asyncio.create_task(vm.fork(3))
            await asyncio.sleep(0)
            forking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await forking
        assert await vm.read_text("x") == "y"
    assert Footprint.now().grown_since(before) == []


async def test_failed_fork_leaves_the_parent_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = Footprint.now()
    async with AgentOs() as vm:
        await vm.write_file("x", "y")
        monkeypatch.setattr(namespace, "LAUNCHER", tmp_path / "missing")
        with pytest.raises(IsolationUnavailable):
            await vm.fork(2)
        monkeypatch.undo()
        assert (await vm.exec("cat x")).stdout == "y"
        async with forked(vm) as (child,):
            assert await child.read_text("x") == "y"
    assert Footprint.now().grown_since(before) == []


async def test_too_many_layers_is_an_error(vm: AgentOs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(branching, "MOST_LAYERS", 1)
    async with forked(vm):
        with pytest.raises(LimitExceeded) as caught:
            await vm.fork()
        assert caught.value.limit == "layers"


async def test_fork_of_a_closed_machine() -> None:
    async with AgentOs() as vm:
        pass
    with pytest.raises(MachineError):
        await vm.fork()
    with pytest.raises(ValueError, match="at least one"):
        await vm.fork(0)

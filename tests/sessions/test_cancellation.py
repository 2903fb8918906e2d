"""Telling an agent's commands from the agent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from agentos.agents.machine import AgentMachine, AgentProcess
from agentos.machine.processes import ProcessInfo
from agentos.sessions.cancellation import commands_of, kill_commands

SUPERVISOR, ADAPTER, CORE, MCP, COMMAND = 2, 3, 10, 20, 30
AGENT = cast(AgentProcess, SimpleNamespace(pid=ADAPTER, supervisor=SUPERVISOR))


def process(pid: int, parent: int, session: int, state: str = "S") -> ProcessInfo:
    return ProcessInfo(pid, parent, pid, session, state, 0, "x", ())


FAMILY = [
    process(SUPERVISOR, 1, SUPERVISOR),
    process(ADAPTER, SUPERVISOR, ADAPTER),
    process(CORE, ADAPTER, ADAPTER),
    process(MCP, CORE, ADAPTER),
]


def found(*more: ProcessInfo) -> set[int]:
    return {info.pid for info in commands_of(AGENT, [*FAMILY, *more])}


def test_the_agent_and_its_mcp_servers_are_spared() -> None:
    assert found() == set()


def test_a_command_is_found_with_all_that_it_started() -> None:
    child = process(31, COMMAND, COMMAND)
    detached = process(32, 31, 32)
    assert found(process(COMMAND, CORE, COMMAND), child, detached) == {COMMAND, 31, 32}


def test_what_an_mcp_server_started_in_a_session_of_its_own_is_spared() -> None:
    assert found(process(21, MCP, 21), process(22, 21, 21)) == set()


def test_an_orphan_in_a_session_of_its_own_was_left_by_a_command() -> None:
    assert found(process(40, SUPERVISOR, 40)) == {40}


def test_an_orphan_of_the_agents_session_is_spared() -> None:
    assert found(process(40, SUPERVISOR, ADAPTER)) == set()


def test_other_processes_of_the_machine_are_spared() -> None:
    assert found(process(50, 1, 50), process(51, 50, 51)) == set()


def test_the_dead_are_left_alone() -> None:
    assert found(process(COMMAND, CORE, COMMAND, "Z")) == set()


def test_nothing_is_found_once_the_agent_has_ended() -> None:
    others: list[Any] = [process(COMMAND, 1, COMMAND)]
    assert commands_of(AGENT, others) == []


class Starting:
    """A machine in which a command is just being started, in the agent's session at first."""

    def __init__(self) -> None:
        self.killed: set[int] = set()
        self._rounds = iter([[process(COMMAND, CORE, ADAPTER)], [process(COMMAND, CORE, COMMAND)]])

    async def processes(self) -> list[ProcessInfo]:
        return [*FAMILY, *next(self._rounds, [])]

    async def signal(self, pid: int, _: int) -> None:
        self.killed.add(pid)


async def test_a_command_that_is_just_starting_is_killed() -> None:
    machine = Starting()
    assert await kill_commands(cast(AgentMachine, machine), AGENT) == []
    assert machine.killed == {COMMAND}

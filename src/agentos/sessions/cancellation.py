"""End what an agent left running.

An agent that is cancelled does not kill its commands. Its whole family is known, for it
lives below a supervisor that adopts orphans. What belongs to the agent itself - its adapter,
its own process, its MCP servers and theirs - is told from its commands by two facts: agents
run each command in a session (setsid) of its own and start MCP servers in theirs, and commands
are started by the agent's core, not by an MCP server.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress

from agentos.agents.machine import AgentMachine, AgentProcess
from agentos.errors import MachineError
from agentos.machine.processes import ProcessInfo

_ROUNDS = 50
_QUIET_ROUNDS = 2


def commands_of(process: AgentProcess, processes: Sequence[ProcessInfo]) -> list[ProcessInfo]:
    """Pick an agent's commands, with all that they started, from the processes of a machine."""
    by_pid = {info.pid: info for info in processes}
    adapter = by_pid.get(process.pid)
    if adapter is None:
        return []
    core = {adapter.pid} | {
        info.pid for info in processes if info.ppid == adapter.pid and info.sid == adapter.sid
    }
    starters = core | ({process.supervisor} if process.supervisor else set())

    def is_command(info: ProcessInfo) -> bool:
        seen: set[int] = set()
        while info.pid not in seen:
            if info.sid != adapter.sid and info.ppid in starters:
                return True
            seen.add(info.pid)
            if info.ppid in starters or info.ppid not in by_pid:
                return False
            info = by_pid[info.ppid]
        return False  # pids were reused while we looked

    return [
        info
        for info in processes
        if info.state not in "ZX" and info.pid not in starters and is_command(info)
    ]


async def kill_commands(machine: AgentMachine, process: AgentProcess) -> list[ProcessInfo]:
    """Kill an agent's commands until none is left.

    None must be found twice in a row: a command that is being started is not yet in the session
    that tells it from the agent.

    Returns:
        What is still there after many rounds, usually nothing.
    """
    found: list[ProcessInfo] = []
    quiet = 0
    try:
        for _ in range(_ROUNDS):
            found = commands_of(process, await machine.processes())
            quiet = 0 if found else quiet + 1
            if quiet == _QUIET_ROUNDS:
                break
            for info in found:
                with suppress(ProcessLookupError):  # it ended meanwhile
                    await machine.signal(info.pid, signal.SIGKILL)
    except MachineError:
        return []  # the machine has ended, and they with it
    return found

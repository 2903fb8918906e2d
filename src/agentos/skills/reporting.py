"""Report to the hub that a skill is used: what an agent without MCP runs in a shell."""

from __future__ import annotations

from agentos.config import state_dir
from agentos.errors import AgentOsError

_SECONDS = 5.0


def report_command(
    command: str, *, client: str | None = None, outcome: str = "ok", project: str | None = None
) -> None:
    """Report that a skill or command is used. The token is read from its file.

    Args:
        command: Its name.
        client: The client that uses it.
        outcome: `ok`, or how it failed.
        project: The project; by default the active one.

    Raises:
        AgentOsError: No hub runs, or it refuses.
    """
    from agentos.hub.lifecycle.client import post
    from agentos.hub.lifecycle.running import read_running

    state = state_dir()
    running = read_running(state)
    if running is None or not running.alive:
        raise AgentOsError(
            f"{command} is not reported: no hub runs", code="hub_down", hint="agentos up starts it"
        )
    report = {"command": command, "client": client, "outcome": outcome, "project": project}
    said = {key: value for key, value in report.items() if value is not None}
    post(running, state, "/command-log", timeout=_SECONDS, body=said)

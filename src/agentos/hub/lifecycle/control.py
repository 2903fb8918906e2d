"""Start, find, replace and end the hub of a state directory, from another process."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from agentos.errors import AgentOsError
from agentos.hub.auth.token_file import read_token
from agentos.hub.lifecycle import client
from agentos.hub.lifecycle.running import Running, forget_running, read_running

_TICK = 0.02
#: Seconds that a hub has to end in, before it is killed: its requests have ten of them.
_PATIENCE = 20.0
_STARTING = 40.0


@dataclass(frozen=True)
class Status:
    """How a hub is.

    Attributes:
        running: What it says of itself; None if it does not run.
        ended: What the last one said, if it ended without saying so.
        answering: Whether it answers.
        problem: What is wrong, and what to do; empty if nothing is.
    """

    running: Running | None
    ended: Running | None = None
    answering: bool = False
    problem: str = ""


def status(state: Path) -> Status:
    """Tell how the hub is."""
    said = read_running(state)
    if said is None:
        return Status(None)
    if not said.alive:
        return Status(None, ended=said)
    answering = client.answers(said)
    if answering:
        problem = _problem(said, state)
    else:
        problem = f"it does not answer at {said.url}; `agentos down` and `agentos up` may help"
    return Status(said, answering=answering, problem=problem)


def _problem(running: Running, state: Path) -> str:
    """Tell what keeps a hub that answers from doing its work."""
    try:
        read_token(state / "token")
    except FileNotFoundError:
        return f"{state / 'token'} is not there any more; `agentos token show` makes a new one"
    except AgentOsError as error:
        return str(error)
    if running.home and not Path(running.home).is_dir():
        return (
            f"the AgentOS home {running.home} is not there any more; put it back, or set "
            "AGENTOS_HOME to where it is and run `agentos restart`"
        )
    return ""


@dataclass(frozen=True)
class Held:
    """How many sessions a hub holds, and how many of them are at work."""

    live: int = 0
    working: int = 0


def held_sessions(state: Path) -> Held:
    """Tell which sessions would end with the hub; none of one that does not answer."""
    running = read_running(state)
    if running is None or not running.alive:
        return Held()
    try:
        said = client.get(running, state, "/api/v1/hub/sessions")
    except (AgentOsError, OSError):
        return Held()  # it is ill, or of a version that holds none
    return Held(said["live"], said["working"])


def up(state: Path, *, host: str | None = None, port: int | None = None) -> tuple[Running, bool]:
    """Have a hub run in the background.

    Args:
        state: The state directory.
        host, port: Where a new one listens, if not where the settings say.

    Returns:
        The hub, and whether it is new.

    Raises:
        AgentOsError: It did not become ready, or one runs that listens elsewhere; why.
    """
    running = read_running(state)
    if running is not None and running.alive:
        if (host or running.host, port or running.port) != (running.host, running.port):
            raise AgentOsError(
                f"the hub runs already, and listens elsewhere: {running.url}",
                code="hub_elsewhere",
                hint="`agentos down` ends it; then start it anew",
            )
        return running, False
    from agentos.hub.lifecycle.daemon import start_daemon

    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return start_daemon(state, host=host, port=port)


def down(state: Path) -> Running | None:
    """End the hub; its requests have some seconds to end.

    Returns:
        The hub that ended; None if none ran.
    """
    ended = None
    while (running := read_running(state)) is not None:
        if running.alive:
            _end(running)
            ended = running
        forget_running(state, running.pid)  # what is said then is of a next hub, just begun
    return ended


def restart(state: Path) -> Running:
    """Have a new process take over from the hub, or start one if none runs.

    Returns:
        The new hub.

    Raises:
        AgentOsError: The new one did not become ready; the old one goes on.
    """
    running = read_running(state)
    if running is None or not running.alive:
        return up(state)[0]
    client.post(running, state, "/api/v1/hub/restart", timeout=_STARTING)
    fresh = read_running(state)
    if fresh is None or fresh.pid == running.pid:
        raise AgentOsError(
            "the new hub ended at once", code="hub_not_ready", hint="`agentos logs` may tell why"
        )
    return fresh


def _end(running: Running) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.kill(running.pid, number)
        except ProcessLookupError:
            return
        if _ended(running):
            return


def _ended(running: Running) -> bool:
    until = time.monotonic() + _PATIENCE
    while running.alive:
        if time.monotonic() > until:
            return False
        time.sleep(_TICK)
    return True

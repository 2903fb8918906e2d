"""The state file: which process is the hub, and where it listens."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from agentos.hub.auth.private_file import replace_private
from agentos.process_birth import birth_of


@dataclass(frozen=True)
class Running:
    """A hub that was started.

    Attributes:
        pid: Its process.
        birth: When that began, as its system tells it.
        host, port: Where it listens.
        url: The same, for clients on this host.
        version: Of AgentOS.
        started: When it was ready, in ISO 8601.
        home: The AgentOS home that it serves; empty if there was none.
        tls_certificate: What its clients trust, if it speaks TLS.
        log: Where it logs to; empty for the terminal that it runs in.
        note: What the user should know about its port, if anything.
    """

    pid: int
    birth: str
    host: str
    port: int
    url: str
    version: str
    started: str
    home: str
    tls_certificate: str = ""
    log: str = ""
    note: str = ""

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return birth_of(self.pid) == self.birth


def state_file(state: Path) -> Path:
    """Return where a hub says that it runs."""
    return state / "hub.json"


def read_running(state: Path) -> Running | None:
    """Return what the last hub said of itself, alive or not; None if it ended in good order."""
    try:
        said = json.loads(state_file(state).read_text())
        # A hub of another version may say more.
        return Running(**{one.name: said[one.name] for one in fields(Running) if one.name in said})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None  # not a hub's; one that runs holds the lock all the same


def write_running(state: Path, running: Running) -> None:
    """Say that a hub runs.

    Raises:
        AgentOsError: No space is left to say so.
    """
    replace_private(state_file(state), json.dumps(asdict(running), indent=1) + "\n")


def forget_running(state: Path, pid: int) -> None:
    """Say that the hub of a process has ended, unless another one said something since."""
    said = read_running(state)
    if said is not None and said.pid == pid:
        state_file(state).unlink(missing_ok=True)


def own_birth() -> str:
    """Return when this process began."""
    return birth_of(os.getpid()) or ""

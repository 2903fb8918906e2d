"""`agentos status`, which scripts and prompts ask all the time: nothing heavy is imported."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from agentos.config import state_dir

if TYPE_CHECKING:
    from agentos.hub.lifecycle.running import Running

#: What service managers mean by it: the program is not running.
_NOT_RUNNING = 3


def show_status(as_json: bool) -> int:
    """Print how the hub is, and return the exit code that says so."""
    from agentos.hub.lifecycle import control

    found = control.status(state_dir())
    if as_json:
        said = json.dumps(asdict(found))
    elif found.running is not None:
        said = f"The hub runs: {words_of(found.running)}, since {found.running.started}"
    elif found.ended is not None:
        last = f"process {found.ended.pid}, since {found.ended.started}"
        said = f"The hub ended without saying so ({last}); `agentos up` starts it."
    else:
        said = "The hub does not run; `agentos up` starts it."
    sys.stdout.write(f"{said}\n")
    if found.problem:
        sys.stderr.write(f"agentos: {found.problem}\n")
    if found.running is None:
        return _NOT_RUNNING
    return 1 if found.problem else 0


def words_of(running: Running) -> str:
    """Tell a hub in a line."""
    return f"process {running.pid}, {running.url}, version {running.version}"

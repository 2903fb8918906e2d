"""How each client stands: in step, drifted, in conflict; worked out anew when something changed."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agentos.errors import AgentOsError
from agentos.sync.client import Client
from agentos.sync.clients import CLIENTS
from agentos.sync.deployment import Deployment
from agentos.sync.looked_at import sources
from agentos.sync.settings import load_sync_settings
from agentos.sync.workstation import Workstation

#: A file that changed so shortly before it was read may change again under the same stamp.
_RACY_NS = 50_000_000

Stamp = tuple[int, int, int, int] | None


@dataclass(frozen=True)
class Standing:
    """How one client stands.

    Attributes:
        client: Its name.
        directory: Where its files are.
        version: Of the installed client, if it says.
        installed: Whether its program is there or, of one that has none, its directory.
        state: `error` if it is unknown.
        drift: How many things a push would change.
        conflicts: How many have to be chosen first.
        last_applied_at: When a sync changed its files last, in ISO form; None if no backup tells.
        error: Why it is unknown.
    """

    client: str
    directory: Path
    version: str | None
    installed: bool
    state: Literal["in_sync", "drift", "conflict", "error"]
    drift: int = 0
    conflicts: int = 0
    last_applied_at: str | None = None
    error: AgentOsError | None = None


class Standings:
    """How the clients of a workstation stand; cheap to ask again while nothing changed.

    Args:
        here: Whose clients.
    """

    def __init__(self, here: Workstation) -> None:
        self._here = here
        self._asked = threading.Lock()
        self._found: list[Standing] = []
        self._paths: tuple[str, ...] = ()
        self._stamps: dict[str, Stamp] | None = None

    def now(self) -> list[Standing]:
        """Return how each client stands that is synced here.

        Raises:
            ConfigInvalid: A file of the AgentOS home is wrong.
        """
        with self._asked:
            if self._stamps is None or self._stamps != self._look():
                self._work_out()
            return self._found

    def _work_out(self) -> None:
        self._stamps, began = None, time.time_ns()
        before = self._look()
        sync = self._here.sync
        state = sync.state
        named = load_sync_settings(self._here.home / "agentos.toml").clients
        names = [*named, *(each for each in state.records if each not in named)]
        deployed = self._here.deployed([each for each in names if each in CLIENTS])
        applied: dict[str, str] = {}
        for head in sync.store.heads(state):
            for client in head.clients:
                applied.setdefault(client, head.at)
        found = [self._standing(each, applied.get(each.client.name)) for each in deployed]
        owned = {part.path for each in deployed for part in each.desired.owned}
        known = {path for files in state.records.values() for path in files}
        absent = {each.directory for each in found if not each.directory.is_dir()}
        self._found, self._paths = found, tuple(map(str, owned | known | absent))
        stamps = self._look()
        # What was looked at before the work, and has another stamp after it, changed meanwhile.
        steady = all(stamps.get(path, stamp) == stamp for path, stamp in before.items())
        latest = max((stamp[0] for stamp in stamps.values() if stamp), default=0)
        self._stamps = stamps if steady and latest < began - _RACY_NS else None

    def _standing(self, each: Deployment, applied: str | None) -> Standing:
        standing = Standing(
            each.client.name,
            each.places.directory,
            each.places.version,
            _is_installed(each.client, each.places.directory, self._here.env.get("PATH")),
            "in_sync",
            last_applied_at=applied,
        )
        return _measured(standing, each, self._here)

    def _look(self) -> dict[str, Stamp]:
        """Return what tells that a file of all that counts is another one."""
        said = sources(self._here.home, self._here.state, self._here.sync.store)
        return {path: _stamp(path) for path in (*self._programs(), *said, *self._paths)}

    def _programs(self) -> Iterator[str]:
        path = self._here.env.get("PATH")
        for client in CLIENTS.values():
            if client.program and (found := shutil.which(client.program, path=path)):
                yield found


def _measured(standing: Standing, each: Deployment, here: Workstation) -> Standing:
    try:
        plan = here.sync.plan([each.desired])
    except AgentOsError as error:
        return replace(standing, state="error", error=error)
    drift, conflicts = len(plan.changes), len(plan.conflicts)
    state: Literal["in_sync", "drift", "conflict"] = "drift" if drift else "in_sync"
    return replace(
        standing,
        state="conflict" if conflicts else state,
        drift=drift,
        conflicts=conflicts,
    )


def _is_installed(client: Client, directory: Path, path: str | None) -> bool:
    if client.program:
        return shutil.which(client.program, path=path) is not None
    return directory.is_dir()


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:  # not there, or not to be read: when that changes, so does this
        return None
    return found.st_ctime_ns, found.st_ino, found.st_size, found.st_mode

"""What the last check found, told again for as long as nothing that it looked at has changed.

A check reads thousands of files. Whether any of them is another than it was can be told without
reading one: with each change the kernel moves the file's time of change (ctime), which no program
can set. As in git's index, a file that changed while it was being looked at, or just before, is
not relied on, because the clock of a file system may not tell two changes apart.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

#: How far apart the clock of any file system tells two changes, and more.
_GRANULE = 2_000_000_000  # ns
_MOST = 50_000  # files


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        code: The exit code: 0 in step, 1 not.
        text: What people are told.
        report: What programs are told.
    """

    code: int
    text: str
    report: dict[str, Any]


class Environment(Mapping[str, str]):
    """An environment that notes what it is asked for.

    Attributes:
        answers: By name; None of a variable that is not set.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        places = ("HOME", "AGENTOS_HOME", "AGENTOS_STATE_DIR", "AGENTOS_DATA_DIR")
        self.answers = {name: variables.get(name) for name in places}

    def __getitem__(self, name: str) -> str:
        self.answers[name] = self._variables.get(name)
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


@dataclass(frozen=True)
class LastCheck:
    """The file in which the last check is remembered; it can be removed at any time.

    Attributes:
        path: Where it is. Its directory is its own: to write it changes no other, which a check
            looks at.
    """

    path: Path

    def recall(self, clients: str | None) -> Finding | None:
        """Return what a check would find, if that is known without one.

        Args:
            clients: Those that it is about, as `--client` names them.
        """
        try:
            said = json.loads(self.path.read_bytes())
            if said["asked"] != _asked(clients):
                return None
            if any(os.environ.get(name) != value for name, value in said["environment"].items()):
                return None
            if _digest(map(_seen, said["paths"])) != said["seen"]:
                return None
            return Finding(**said["finding"])
        except (OSError, ValueError, TypeError, LookupError, AttributeError):
            return None  # it was never written, or not by this version

    def remember(
        self,
        finding: Finding,
        clients: str | None,
        environment: Environment,
        paths: Iterable[str],
        began: int,
    ) -> None:
        """Remember a finding, unless something changed so lately that it may be another already.

        Args:
            finding: What a check found.
            clients: Those that it was about.
            environment: What the check was run in.
            paths: The files and directories that it looked at, and those it found absent.
            began: When it began, in ns since 1970.
        """
        paths = list(islice(paths, _MOST + 1))
        if len(paths) > _MOST:
            return  # among them may be a link to all there is, or one that leads in a circle
        seen = []
        for path in paths:
            there = _seen(path)
            if not _is_settled(path, there, began - _GRANULE):
                return
            seen.append(there)
        said = {
            "asked": _asked(clients),
            "environment": environment.answers,
            "paths": paths,
            "seen": _digest(seen),
            "finding": asdict(finding),
        }
        _write(self.path, json.dumps(said, separators=(",", ":")).encode())


#: Of a file, what changes when it is changed; of a link, the same of its target as well.
_Seen = tuple[int, ...] | None


def _seen(path: str) -> _Seen:
    """Tell what a file is; None if it is absent, or out of reach."""
    try:
        there = _numbers(os.lstat(path))
        return there + _numbers(os.stat(path)) if stat.S_ISLNK(there[0]) else there
    except OSError:
        return None


def _numbers(found: os.stat_result) -> tuple[int, ...]:
    mode, inode, device, _, user, group, size, *_ = found
    return mode, found.st_ctime_ns, found.st_mtime_ns, size, inode, device, user, group


def _is_settled(path: str, seen: _Seen, before: int) -> bool:
    """Whether a file was as it is now since then; if it is absent, whether it was."""
    while seen is None:
        path = os.path.dirname(path) or os.curdir
        seen = _seen(path)
    return max(seen[1::8]) < before


def _digest(seen: Iterable[_Seen]) -> str:
    return hashlib.sha256(repr(list(seen)).encode()).hexdigest()


def _asked(clients: str | None) -> list[str | None]:
    said = [os.environ.get(name) or "/" for name in ("HOME", "AGENTOS_HOME", "AGENTOS_STATE_DIR")]
    absolute = all(map(os.path.isabs, said))
    return [clients, sys.executable, "" if absolute else os.getcwd()]


def _write(path: Path, content: bytes) -> None:
    """Replace the file at once. That it outlasts a loss of power is not worth waiting for."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
        os.replace(fresh, path)
    except OSError:  # the check has told what it found; the next will look for itself
        fresh.unlink(missing_ok=True)

"""Make an AgentOS home, or add to a folder what it lacks to be one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from agentos.config import expanded
from agentos.errors import AgentOsError

#: Package data cannot be called `.gitignore`: the build would obey it.
_RENAMED = {"gitignore": ".gitignore"}


@dataclass(frozen=True)
class Plan:
    """What a folder lacks to be an AgentOS home.

    Attributes:
        home: The folder, absolute.
        missing: Files to add, relative to it, with their content.
        kept: Files that are there already and stay as they are. What would be written through a
            link of the user's to elsewhere is in neither.
    """

    home: Path
    missing: dict[str, bytes]
    kept: tuple[str, ...]


def plan_home(home: Path) -> Plan:
    """See what a folder lacks; nothing is written.

    Args:
        home: The folder; it need not be there, and may hold other things.

    Raises:
        AgentOsError: It cannot become a home: something that is no directory is in the way, or
            it must not be written.
    """
    home = Path(os.path.abspath(expanded(home)))
    _check_directory(home, home)
    missing, kept = {}, []
    for name, content in template():
        path = home / name
        parents = [parent for parent in path.parents if home in parent.parents]
        if any(parent.is_symlink() for parent in parents):
            continue
        if os.path.lexists(path):
            kept.append(name)
            continue
        for parent in (home, *reversed(parents)):
            _check_directory(parent, home)
            _check_writable(parent)
        missing[name] = content
    return Plan(home, missing, tuple(kept))


def make_home(plan: Plan) -> None:
    """Add the missing files: all of them, or none if one cannot be written.

    Raises:
        AgentOsError: The disk is full, writing is not permitted, or a file has appeared meanwhile;
            what had been added is gone again.
    """
    made: list[Path] = []
    try:
        _make_directories(plan.home, made, mode=0o700)  # what it says of its owner is not for all
        for name, content in plan.missing.items():
            path = plan.home / name
            _make_directories(path.parent, made)
            with path.open("xb") as file:
                made.append(path)
                file.write(content)
    except BaseException as error:
        _take_back(made)
        if not isinstance(error, OSError):
            raise
        raise AgentOsError(
            f"{error.filename or plan.home} cannot be written: {error.strerror}",
            code="home_not_writable",
            hint="nothing was added; make room or choose another directory, and try again",
        ) from error


def template(today: date | None = None) -> Iterator[tuple[str, bytes]]:
    """Go through the files that a home begins with: their paths in it, and their content."""
    day = (today or date.today()).isoformat()  # noqa: DTZ011 - the user's day
    for name, file in sorted(_files(files("agentos.home") / "template")):
        yield name, file.read_bytes().replace(b"{today}", day.encode())


def _files(directory: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + _RENAMED.get(entry.name, entry.name), entry


def _check_directory(path: Path, home: Path) -> None:
    if os.path.lexists(path) and not path.is_dir():
        what = "is a file" if path.is_file() else "is no directory"
        raise AgentOsError(
            f"{path} {what}, where AgentOS needs a directory",
            code="home_in_the_way",
            hint=f"move it away, or choose another directory than {home}",
        )


def _check_writable(path: Path) -> None:
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir():
        _check_directory(there, path)
    if not os.access(there, os.W_OK | os.X_OK):
        raise AgentOsError(
            f"{there} cannot be written: permission denied",
            code="home_not_writable",
            hint="choose a directory of your own: agentos init DIR",
        )


def _make_directories(path: Path, made: list[Path], mode: int = 0o777) -> None:
    missing = [each for each in (path, *path.parents) if not each.is_dir()]
    for each in reversed(missing):
        each.mkdir(mode if each == path else 0o777)
        made.append(each)


def _take_back(made: list[Path]) -> None:
    for path in reversed(made):
        if not path.is_dir():
            path.unlink(missing_ok=True)
        elif not any(path.iterdir()):  # else somebody has put something there meanwhile
            path.rmdir()

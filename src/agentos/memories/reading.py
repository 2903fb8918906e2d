"""Read the memories of an AgentOS home: `clients/shared/memory/`, and `projects/NAME/` in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import get_args

from agentos.errors import ConfigInvalid
from agentos.home.front_matter import Head, read_head
from agentos.home.reading import read_text
from agentos.memories.memory import Memory, MemoryType

DIRECTORY = Path("clients", "shared", "memory")
PROJECTS = "projects"
SUFFIX = ".md"
TYPES: tuple[MemoryType, ...] = get_args(MemoryType)
MOST_BYTES = 200_000  # of one memory
LONGEST_DESCRIPTION = 300
#: Files of the folder that are no memories.
NO_MEMORIES = frozenset({"memory", "readme"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def load_memories(home: Path) -> tuple[Memory, ...]:
    """Return the memories of an AgentOS home: those for everywhere, then those of projects.

    Args:
        home: The AgentOS home; it need not have any.

    Raises:
        ConfigInvalid: One of them cannot be read; names the file and the line.
    """
    top = home / DIRECTORY
    found = list(_memories(top, None))
    for place in sorted(_entries(top / PROJECTS)):
        if place.is_dir() and not place.name.startswith("."):
            if wrong := wrong_name(place.name):
                raise ConfigInvalid(f"{place} is not called as a project", hint=wrong)
            found += _memories(place, place.name)
    return tuple(found)


def memories_for(memories: Iterable[Memory], project: str | None) -> tuple[Memory, ...]:
    """Return what holds while a project is active: what holds everywhere, and what holds there."""
    return tuple(each for each in memories if each.project in (None, project))


def read_memory(path: Path, project: str | None = None) -> Memory:
    """Read a memory.

    Args:
        path: Its file.
        project: The project whose folder it is in.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigInvalid: It says what is not valid; names the line.
    """
    if wrong := wrong_name(path.stem):
        raise ConfigInvalid(f"{path} is not called as a memory", hint=wrong)
    head = read_head(str(path), read_text(path, MOST_BYTES))
    said = head.text("project")
    if said is not None and said != project:
        where = f"{DIRECTORY}/{PROJECTS}/{said}" if wrong_name(said) is None else DIRECTORY
        raise head.invalid("project", f"this file is not in its folder: move it to {where}")
    text = head.body.strip()
    if not text:
        raise ConfigInvalid(
            f"{path}:{head.body_line}: there is nothing below the front matter",
            hint="write what is to be known",
        )
    return Memory(
        name=path.stem,
        type=_type(head),
        description=_description(head),
        text=text.replace("\r\n", "\n"),
        project=project,
        client=head.text("client"),
        written=_written(head),
    )


def memory_path(home: Path, name: str, project: str | None = None) -> Path:
    """Return where a memory is, or would be.

    Raises:
        ConfigInvalid: It cannot have this name, or its project that one.
    """
    for each in (name, project or name):
        if wrong := wrong_name(each):
            raise ConfigInvalid(f"{each!r} is no name", code="memory_name_invalid", hint=wrong)
    place = home / DIRECTORY
    return (place / PROJECTS / project if project else place) / f"{name}{SUFFIX}"


def find_memory(memories: Iterable[Memory], said: str) -> Memory:
    """Return the memory that `NAME` or `PROJECT/NAME` means.

    Raises:
        ConfigInvalid: There is none, or several projects have one of this name.
    """
    known = {full_name(each): each for each in memories}
    said = said.removesuffix(SUFFIX)
    if said in known:
        return known[said]
    alike = [name for name, each in known.items() if each.name == said]
    if len(alike) == 1:
        return known[alike[0]]
    if alike:
        raise ConfigInvalid(
            f"several projects have a memory {said!r}",
            code="memory_ambiguous",
            hint=f"one of {', '.join(alike)}",
        )
    from agentos.settings.mistakes import nearest

    raise ConfigInvalid(
        f"there is no memory {said!r}", code="memory_unknown", hint=nearest(said, known)
    )


def full_name(memory: Memory) -> str:
    """Return what tells a memory from all others: `NAME`, or `PROJECT/NAME`."""
    return f"{memory.project}/{memory.name}" if memory.project else memory.name


def wrong_name(name: str) -> str | None:
    """Say what is wrong with the name of a memory or project; None if it is right."""
    if not _NAME.fullmatch(name) or name.casefold() in NO_MEMORIES:
        return "letters, digits, dots, dashes and underscores; not MEMORY, which is the index"
    return None


def _memories(place: Path, project: str | None) -> Iterator[Memory]:
    seen: dict[str, str] = {}
    for path in sorted(_entries(place)):
        name = path.stem
        if path.suffix != SUFFIX or name.startswith(".") or name.casefold() in NO_MEMORIES:
            continue
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            raise ConfigInvalid(
                f"{path} and {first}{SUFFIX} differ in case alone", hint="rename one of them"
            )
        yield read_memory(path, project)


def _entries(place: Path) -> list[Path]:
    try:
        return [place / name for name in os.listdir(place)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _type(head: Head) -> MemoryType:
    said = head.text("type")
    if said not in TYPES:
        hint = f"one of {', '.join(TYPES)}"
        raise head.invalid("type", f"{said!r} is none" if said else "there is none", hint)
    return said


def _description(head: Head) -> str:
    description = " ".join((head.text("description") or "").split())
    if not description:
        raise head.invalid(
            "description", "there is none", "write one line, which stands in the index"
        )
    if len(description) > LONGEST_DESCRIPTION:
        raise head.invalid(
            "description",
            f"{len(description)} characters are no line",
            f"at most {LONGEST_DESCRIPTION}; the rest belongs below",
        )
    return description


def _written(head: Head) -> datetime | None:
    value = head.values.get("written")
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            pass
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC)
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if value is None:
        return None
    raise head.invalid("written", "this is no date", "write written: 2026-01-31")

"""Read the skills of an AgentOS home: `clients/shared/skills/NAME/SKILL.md`, and further files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from agentos.errors import ConfigInvalid
from agentos.home.front_matter import Head, read_head
from agentos.home.reading import read_text
from agentos.skills.skill import Skill

DIRECTORY = Path("clients", "shared", "skills")
FILE = "SKILL.md"
MOST_BYTES = 1_000_000  # of a SKILL.md
MOST_FILES = 1_000
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024
#: What tools and systems leave behind is no part of a skill.
_LEFT_BEHIND = frozenset({".git", ".DS_Store", "__pycache__", "node_modules", "Thumbs.db"})
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def load_skills(home: Path) -> tuple[Skill, ...]:
    """Return the skills of an AgentOS home, by name.

    Args:
        home: The AgentOS home; it need not have any.

    Raises:
        ConfigInvalid: One of them cannot be read, or two differ in case alone; names the file and
            the line.
    """
    places = skill_directories(home)
    for first, second in same_but_for_case(places):
        raise ConfigInvalid(
            f"{second} and {first.name} differ in case alone",
            hint="rename one: on some systems they are the same directory",
        )
    return tuple(read_skill(place) for place in places)


def skill_directories(home: Path) -> list[Path]:
    """Return the directories of the skills, in order."""
    try:
        with os.scandir(home / DIRECTORY) as entries:
            found = [each.name for each in entries if each.is_dir() and each.name[0] not in "._"]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [home / DIRECTORY / name for name in sorted(found)]


def same_but_for_case(places: list[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield directories whose names are the same on a system that does not tell case."""
    seen: dict[str, Path] = {}
    for place in places:
        first = seen.setdefault(place.name.casefold(), place)
        if first != place:
            yield first, place


def read_skill(place: Path) -> Skill:
    """Read a skill.

    Args:
        place: Its directory.

    Raises:
        ConfigInvalid: It has no SKILL.md, or that one says what is not valid; names the line.
    """
    path = place / FILE
    try:
        text = read_text(path, MOST_BYTES)
    except FileNotFoundError as error:
        raise ConfigInvalid(
            f"{place} has no {FILE}",
            hint="add one: agentos skills new NAME shows how it begins",
        ) from error
    head = read_head(str(path), text)
    clients = head.texts("clients")
    return Skill(
        name=_name(head, place),
        description=_description(head),
        path=place,
        text=text,
        files=tuple(sorted(_files(place))),
        groups=_groups(head),
        clients=None if clients is None else frozenset(clients),
    )


def check_name(name: str) -> str | None:
    """Say what is wrong with a skill's name; None if it is right."""
    if not _NAME.fullmatch(name):
        return "a name has small letters and digits, in words with single dashes between them"
    if len(name) > LONGEST_NAME:
        return f"a name has at most {LONGEST_NAME} characters"
    return None


def _name(head: Head, place: Path) -> str:
    name = head.text("name", place.name) or place.name
    if name != place.name:
        raise head.invalid("name", f"this is not the directory's, {place.name}", "rename one")
    if wrong := check_name(name):
        raise head.invalid("name", f"{name!r} is no name of a skill", wrong)
    return name


def _description(head: Head) -> str:
    description = " ".join((head.text("description") or "").split())
    if not description:
        raise head.invalid(
            "description",
            "there is none, so no agent knows when to use the skill",
            "write description: what it does, and when to use it",
        )
    if len(description) > LONGEST_DESCRIPTION:
        raise head.invalid(
            "description",
            f"{len(description)} characters are too long",
            f"at most {LONGEST_DESCRIPTION}; the rest belongs below",
        )
    return description


def _groups(head: Head) -> tuple[str, ...]:
    groups = head.texts("groups") or ()
    for group in groups:
        if not _GROUP.fullmatch(group):
            raise head.invalid(
                "groups",
                f"{group!r} is no name of a group",
                "letters, digits, dashes and underscores",
            )
    return groups


def _files(place: Path) -> Iterator[str]:
    """Yield the further files, by their path in the skill; none of them is elsewhere."""
    inside = os.path.realpath(place)
    folders, count = [""], 0
    while folders:
        folder = folders.pop()
        for entry in _entries(os.path.join(inside, folder)):
            path = folder + entry.name
            if entry.is_symlink():
                _check_link(entry.path, inside)
            if entry.is_dir():
                folders.append(f"{path}/")
            elif path != FILE and not path.endswith(".pyc"):
                count += 1
                yield path
        if count > MOST_FILES:
            raise ConfigInvalid(
                f"{place} has more than {MOST_FILES} files",
                hint="move away what the skill does not need",
            )


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return [entry for entry in found if entry.name not in _LEFT_BEHIND]
    except OSError as error:
        raise ConfigInvalid(
            f"{folder} cannot be read: {error.strerror}", hint="it has to be yours"
        ) from error


def _check_link(path: str, inside: str) -> None:
    target = os.path.realpath(path)
    if os.path.commonpath([target, inside]) != inside or os.path.isdir(target):
        raise ConfigInvalid(
            f"{path} is a link that leads out of the skill, or to a directory",
            hint="put the files themselves there",
        )

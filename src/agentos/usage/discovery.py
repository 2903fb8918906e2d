"""Find the files of a client's home that tell of calls."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass

from agentos.usage.call import Source
from agentos.usage.homes import UsageHome
from agentos.usage.reading.entry import Problem
from agentos.usage.reading.job import Format, signs


@dataclass(frozen=True, slots=True)
class Found:
    """A file that tells of calls.

    Attributes:
        path: The file.
        format: How it is written.
        home: Whose it is.
        seen: Device, inode, size and time of change in nanoseconds.
    """

    path: str
    format: Format
    home: UsageHome
    seen: tuple[int, int, int, int]


_PLACES: dict[Source, tuple[tuple[str, dict[str, Format]], ...]] = {
    Source.CODEX: (
        ("sessions", {".jsonl": Format.CODEX, ".jsonl.zst": Format.CODEX}),
        ("archived_sessions", {".jsonl": Format.CODEX, ".jsonl.zst": Format.CODEX}),
    ),
    Source.CLAUDE: (("projects", {".jsonl": Format.CLAUDE}),),
    Source.GEMINI: (("tmp", {".jsonl": Format.GEMINI, ".json": Format.GEMINI_DOCUMENT}),),
    Source.OPENCODE: (
        ("", {"opencode.db": Format.OPENCODE_DATABASE}),
        ("storage/message", {".json": Format.OPENCODE_MESSAGE}),
    ),
}


def find(homes: list[UsageHome]) -> tuple[list[Found], list[Problem]]:
    """Return the files of some homes, each once, and what could not be looked into.

    Symbolic links are followed, and each directory is entered once.
    """
    found: dict[tuple[int, int], Found] = {}
    problems: list[Problem] = []
    for home in homes:
        for below, endings in _PLACES.get(home.source, ()):
            deep = bool(below)
            top = str(home.path / below)
            for path, status in _files(top, deep, problems):
                kind = next((form for end, form in endings.items() if path.endswith(end)), None)
                if kind is None or not _tells(home.source, path):
                    continue
                if not _is_text(path):
                    shown = path.encode("utf-8", "replace").decode()
                    problems.append(Problem(shown, 0, "bad_name", "its name is not UTF-8"))
                    continue
                seen = signs(path, status)
                found.setdefault(seen[:2], Found(path, kind, home, seen))
    return list(found.values()), problems


def _tells(source: Source, path: str) -> bool:
    # Gemini keeps its logs beside the chats.
    return source is not Source.GEMINI or os.path.basename(path).startswith("session-")


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _files(top: str, deep: bool, problems: list[Problem]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the files of a directory, and, if it is deep, those below it, however deep."""
    entered: set[tuple[int, int]] = set()
    waiting = [top]
    while waiting:
        below = []
        for path, status in _entries(waiting.pop(), entered, problems):
            if stat.S_ISREG(status.st_mode):
                yield path, status
            elif deep and stat.S_ISDIR(status.st_mode):
                below.append(path)
        waiting += reversed(below)


def _entries(
    directory: str, entered: set[tuple[int, int]], problems: list[Problem]
) -> Iterator[tuple[str, os.stat_result]]:
    try:
        status = os.stat(directory)
        if (status.st_dev, status.st_ino) in entered:
            return
        entered.add((status.st_dev, status.st_ino))
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        problems.append(Problem(directory, 0, "unreadable", error.strerror or str(error)))
        return
    for entry in entries:
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue  # deleted meanwhile, or a link to nothing
        except OSError as error:
            problems.append(Problem(entry.path, 0, "unreadable", error.strerror or str(error)))
        else:
            yield entry.path, status

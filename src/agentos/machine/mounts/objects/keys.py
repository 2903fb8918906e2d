"""Which keys of objects can be paths of files."""

from __future__ import annotations

from collections.abc import Iterable

#: Bytes of a key that every store takes.
LONGEST_KEY = 1024
_LONGEST_NAME = 255


def not_paths(listed: Iterable[tuple[str, int]]) -> list[str]:
    """Name what cannot be a file beside the others, each with the reason.

    That a key has empty, `.` or `..` parts, or control characters, obstore finds already; that
    one ends in a slash, only asking for it tells.

    Args:
        listed: Paths, and the bytes of their objects; an empty one may stand for a directory.
    """
    sizes = sorted(listed)
    directories = directories_of(path for path, _ in sizes)
    found = []
    before = None
    for path, size in sizes:
        if path == before:
            found.append(f"{path!r} is there twice, once with a slash around it")
        elif path in directories and size:
            found.append(f"{path!r} is an object and a directory of others")
        elif any(len(name.encode()) > _LONGEST_NAME for name in path.split("/")):
            found.append(f"{path[:60]!r}... has a name of more than {_LONGEST_NAME} bytes")
        before = path
    return found


def directories_of(paths: Iterable[str]) -> set[str]:
    """Return all directories that paths go through."""
    found: set[str] = set()
    for path in paths:
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def cannot_be_key(path: str) -> str | None:
    """Say why a file's path cannot be the key of an object; None if it can."""
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if any(c < 0x20 or c == 0x7F for c in encoded):
        return "its name holds a control character"
    return "its path is too long for a key" if len(encoded) > LONGEST_KEY else None

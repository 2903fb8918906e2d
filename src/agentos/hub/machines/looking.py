"""Looking into a machine: directories and texts, whatever is there."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from typing import Literal

from agentos.hub.errors import Refused
from agentos.hub.machines.models import FileEntry, FileText, Listing
from agentos.machine.machine import AgentOs
from agentos.machine.protocol import FileStat

#: Entries of a directory, and bytes of a file, that are told at most.
MOST_ENTRIES = 2000
MOST_BYTES = 1_000_000
#: 9999-12-31; who writes files chooses their times.
_LATEST = 253402214400


async def listing(vm: AgentOs, path: str) -> Listing:
    """List a directory of a machine, directories first.

    Raises:
        Refused: There is none at this path, or it cannot be read.
    """
    try:
        names = await vm.listdir(path)
        entries = []
        for name in names[:MOST_ENTRIES]:
            try:
                status = await vm.stat(os.path.join(path, name), follow_symlinks=False)
            except FileNotFoundError:
                continue  # it has just gone
            entries.append(_entry(name, status))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    entries.sort(key=lambda one: (one.type != "directory", one.name))
    return Listing(path=path, entries=entries, truncated=len(names) > MOST_ENTRIES)


async def text(vm: AgentOs, path: str) -> FileText:
    """Read a file of a machine as text, if it is that.

    Raises:
        Refused: There is none at this path, or it cannot be read.
    """
    try:
        size = (await vm.stat(path)).size
        content = await vm.read_file(path, size=MOST_BYTES)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    truncated = size > len(content)
    return FileText(path=path, text=_text(content, truncated), size=size, truncated=truncated)


def unreadable(path: str, error: OSError | ValueError) -> Refused:
    """Say why a path of a machine cannot be read."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    missing = isinstance(error, FileNotFoundError | NotADirectoryError)
    status, code = (404, "file_not_found") if missing else (422, "file_unreadable")
    return Refused(status, code, f"{path!r} in the machine: {why}")


def _entry(name: str, status: FileStat) -> FileEntry:
    return FileEntry(
        name=name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        type=_type(status.mode),
        size=status.size,
        modified=datetime.fromtimestamp(min(max(status.mtime, 0), _LATEST), UTC),
    )


def _type(mode: int) -> Literal["file", "directory", "link", "other"]:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "link" if stat.S_ISLNK(mode) else "other"


def _text(content: bytes, truncated: bool) -> str | None:
    """Decode UTF-8, of which the last character may be cut."""
    if b"\0" in content:
        return None
    for cut in range(4 if truncated else 1):
        try:
            return content[: len(content) - cut].decode()
        except UnicodeDecodeError:
            continue
    return None

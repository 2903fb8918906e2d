"""The file operations that sync needs: of this computer, or of a machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class FileState:
    """What a file is.

    Attributes:
        content: Its bytes.
        mode: Its permission bits.
        owner: Its user and group; None of a file that is to be made.
        link: If its name is a symbolic link, where that points; the rest is of the target.
    """

    content: bytes
    mode: int = 0o644
    owner: tuple[int, int] | None = None
    link: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the content."""
        return digest(self.content)


def digest_of(state: FileState | None) -> str | None:
    """Name a file's content; None is no file."""
    return None if state is None else state.digest


def digest(content: bytes) -> str:
    """Name a content by its SHA-256."""
    return hashlib.sha256(content).hexdigest()


class Reader(Protocol):
    """What planning needs. Every method raises `SyncError` naming the file."""

    def look(self, path: Path) -> FileState | None:
        """Read a file, through symbolic links; None if there is none."""
        ...

    def real(self, path: Path) -> Path:
        """Follow the symbolic links of a path, whether or not it is there."""
        ...


class Target(Reader, Protocol):
    """Where a client's files are. Every method raises `SyncError` naming the file."""

    def directory_mode(self, path: Path) -> int | None:
        """Tell the permission bits of a directory; None if there is none."""
        ...

    def make_directory(self, path: Path, mode: int) -> None:
        """Make a directory."""
        ...

    def stage(self, path: Path, state: FileState, suffix: str) -> None:
        """Write a file's next content beside it, under its name with a suffix."""
        ...

    def settle(self, paths: Iterable[Path], suffix: str = "") -> None:
        """Make what was staged under a suffix last a loss of power; without one, what was changed.

        Changed are files that were placed, linked or removed, and directories that were made.
        """
        ...

    def place(self, path: Path, suffix: str) -> None:
        """Put what was staged in the file's place, at once."""
        ...

    def unstage(self, path: Path, suffix: str) -> None:
        """Remove what was staged, if it is there."""
        ...

    def link(self, path: Path, to: str) -> None:
        """Make a symbolic link."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file, or a symbolic link but not its target."""
        ...

    def remove_directory(self, path: Path) -> bool:
        """Remove a directory if it is there, empty and may be removed; whether it was."""
        ...

    def walk(self, path: Path, without: frozenset[str]) -> list[Path]:
        """List the files under a directory, or a file alone, leaving out some names."""
        ...

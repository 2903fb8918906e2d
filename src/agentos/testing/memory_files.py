"""Files in memory, for tests of what sync does to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from agentos.sync.plan import Edit
from agentos.sync.target import FileState


class MemoryFiles:
    """A `Target` without a file system.

    Attributes:
        there: The files, by their paths; tests read and set them.
        directories: Directories, which are made and removed like any.
    """

    def __init__(self) -> None:
        self.there: dict[Path, FileState] = {}
        self.directories: dict[Path, int] = {Path("/"): 0o755}
        self._staged: dict[tuple[Path, str], FileState] = {}

    def look(self, path: Path) -> FileState | None:
        return self.there.get(path)

    def real(self, path: Path) -> Path:
        return path

    def directory_mode(self, path: Path) -> int | None:
        return self.directories.get(path)

    def make_directory(self, path: Path, mode: int) -> None:
        self.directories[path] = mode

    def stage(self, path: Path, state: FileState, suffix: str) -> None:
        owner = state.owner or (1000, 1000)
        self._staged[path, suffix] = replace(state, owner=owner)

    def settle(self, paths: Iterable[Path], suffix: str = "") -> None:
        del paths, suffix  # memory is as lasting as it gets

    def place(self, path: Path, suffix: str) -> None:
        self.there[path] = self._staged.pop((path, suffix))

    def unstage(self, path: Path, suffix: str) -> None:
        self._staged.pop((path, suffix), None)

    def link(self, path: Path, to: str) -> None:
        told = self.there.get(path.parent / to) or FileState(b"", 0o777)
        self.there[path] = replace(told, link=to)

    def remove(self, path: Path) -> None:
        del self.there[path]

    def remove_directory(self, path: Path) -> bool:
        inside = (*self.there, *self.directories)
        if path not in self.directories or any(path in each.parents for each in inside):
            return False
        del self.directories[path]
        return True

    def walk(self, path: Path, without: frozenset[str]) -> list[Path]:
        return sorted(
            each
            for each in self.there
            if (each == path or path in each.parents) and not without & {*each.parts}
        )

    def carry_out(self, edits: Iterable[Edit]) -> None:
        """Make edits without a journal or a backup."""
        for edit in edits:
            if edit.after is None:
                del self.there[edit.path]
            else:
                self.there[edit.path] = edit.after

"""What the file verbs stand on: a tree of files that a path cannot leave."""

from __future__ import annotations

import os
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from agentos.hub.files.query import Query


@dataclass(frozen=True)
class Place:
    """A path within a root of a tree, checked as text; what is there is another question.

    Attributes:
        root: Which of the tree's roots, by its number.
        parts: The names from the root.
        shown: The path as the tools return it, and take it again.
    """

    root: int
    parts: tuple[str, ...]
    shown: str

    def child(self, *names: str) -> Place:
        """The place of something below."""
        prefix = "" if self.shown == "." else self.shown + "/"
        return replace(self, parts=(*self.parts, *names), shown=prefix + "/".join(names))


class Target(Protocol):
    """A name in an open directory, links resolved: where a file is about to be written."""

    @property
    def name(self) -> str:
        """The name; empty if it is a root itself."""

    async def open(self) -> int | None:
        """Open what has the name now, or None."""

    async def create(self, name: str, mode: int) -> int:
        """Make a new file beside it and open it for writing."""

    async def keep(self, name: str, fd: int, status: os.stat_result) -> None:
        """Give that new file the mode, and where possible the owner, of the one before it."""

    async def put(self, name: str, *, over: bool) -> None:
        """Give that new file the name of the target, durably.

        Raises:
            FileExistsError: There is one, and `over` is false.
        """

    async def discard(self, name: str) -> None:
        """Remove that new file."""


class Tree(Protocol):
    """Files below one or several roots. Its verbs raise `FileRefused`."""

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots, as absolute paths."""

    def locate(self, path: str) -> Place:
        """Check a path as text and return where it lies."""

    async def open(self, place: Place, *, directory: bool = False) -> int:
        """Open a regular file, or a directory, for reading."""

    def target(self, place: Place, *, mkdirs: bool) -> AbstractAsyncContextManager[Target]:
        """Open the directory that a file is to be written in.

        Args:
            place: The file.
            mkdirs: Make directories that are missing.
        """

    def check(self, status: os.stat_result, shown: str) -> None:
        """Refuse a file that is not to be read or written."""

    def shows(self, place: Place) -> bool:
        """Whether lists and searches go there."""

    async def candidates(self, place: Place, query: Query) -> list[tuple[str, ...]] | None:
        """Return the files below a directory that may match, as ripgrep finds them.

        Returns:
            Paths from the directory, or None where there is no ripgrep.
        """

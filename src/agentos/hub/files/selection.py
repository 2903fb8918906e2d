"""Which files a list or search takes: hidden ones, ignore files, globs."""

from __future__ import annotations

import os

from agentos.errors import FileRefused
from agentos.hub.files.globs import Rules, compile_globs, parse
from agentos.hub.files.names import is_git_directory
from agentos.hub.files.query import Query
from agentos.hub.files.tree import Place, Tree
from agentos.machine.blocking_io import read_all

#: Of a path, what the first says is heard before what the second says.
_IGNORE_FILES = (".rgignore", ".ignore", ".gitignore")
_LARGEST = 1024 * 1024
#: Directories further down are neither listed nor searched.
DEEPEST = 64


class Selection:
    """What is taken below a directory.

    It is narrower than ripgrep's own choice, or the same: the globs never bring back what is
    ignored or hidden, nor does a repository within another end the rules of the outer one. So
    what ripgrep finds and this takes is what a walk with this alone finds.
    """

    def __init__(self, tree: Tree, base: Place, query: Query) -> None:
        self._tree = tree
        self._base = base
        self._query = query
        try:
            self._globs = compile_globs(query.globs)
        except ValueError as error:
            raise FileRefused(str(error), code="glob_invalid", path=base.shown) from error
        self._rules: dict[tuple[str, ...], tuple[Rules, ...]] = {}
        self._directories: dict[tuple[str, ...], bool] = {(): True}

    async def takes_file(self, path: tuple[str, ...]) -> bool:
        """Whether a file, by its path from the directory, is taken."""
        if len(path) > DEEPEST:
            return False
        return await self.takes_directory(path[:-1]) and await self._takes(path, directory=False)

    async def takes_directory(self, path: tuple[str, ...]) -> bool:
        """Whether a directory, and all above it, are entered."""
        if len(path) >= DEEPEST:
            return False
        known = self._directories.get(path)
        if known is None:
            known = await self.takes_directory(path[:-1]) and await self._takes(
                path, directory=True
            )
            self._directories[path] = known
        return known

    async def _takes(self, path: tuple[str, ...], *, directory: bool) -> bool:
        name = path[-1]
        if name.startswith(".") and not self._query.hidden:
            return False
        if is_git_directory(name) or not self._tree.shows(self._base.child(*path)):
            return False
        chosen = self._globs.verdict("/".join(path), directory=directory)
        if chosen is False or (chosen is None and not directory and self._globs.includes):
            return False
        return self._query.ignored or not await self._ignored(path, directory)

    async def _ignored(self, path: tuple[str, ...], directory: bool) -> bool:
        whole = (*self._base.parts, *path)
        chain = [await self._rules_of(whole[:depth]) for depth in range(len(whole) - 1, -1, -1)]
        for kind in range(len(_IGNORE_FILES)):
            for above, rules in enumerate(chain):
                if not rules[kind].rules:
                    continue
                below = "/".join(whole[len(whole) - 1 - above :])
                verdict = rules[kind].verdict(below, directory=directory)
                if verdict is not None:
                    return verdict
        return False

    async def _rules_of(self, directory: tuple[str, ...]) -> tuple[Rules, ...]:
        """The rules of a directory, by its path from the root."""
        known = self._rules.get(directory)
        if known is None:
            place = Place(self._base.root, directory, "/".join(directory) or ".")
            known = tuple([await self._read(place.child(name)) for name in _IGNORE_FILES])
            self._rules[directory] = known
        return known

    async def _read(self, place: Place) -> Rules:
        try:
            fd = await self._tree.open(place)
        except FileRefused:
            return _NONE  # none there, or not one to be heard
        try:
            return parse(os.fsdecode(read_all(fd, 0, _LARGEST)))
        finally:
            os.close(fd)


_NONE = Rules()

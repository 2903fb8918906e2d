"""The five verbs over a tree of files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agentos.hub.files.host import HostTree
from agentos.hub.files.listing import list_directory
from agentos.hub.files.query import Query
from agentos.hub.files.reading import INLINE, Range, read
from agentos.hub.files.replacing import replace
from agentos.hub.files.results import (
    FileContent,
    Listing,
    ReplaceResult,
    SearchResult,
    WriteResult,
)
from agentos.hub.files.searching import search
from agentos.hub.files.selection import DEEPEST
from agentos.hub.files.tree import Tree
from agentos.hub.files.writing import Conditions, write

if TYPE_CHECKING:
    from agentos.machine.machine import AgentOs


class Files:
    """Files of a tree. A path is absolute within a root, or starts at the first root.

    Each verb raises `FileRefused`, whose `code` says why, and has then changed nothing.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    @property
    def roots(self) -> tuple[str, ...]:
        """The roots, as absolute paths."""
        return self._tree.roots

    async def list(
        self,
        path: str = ".",
        *,
        recursive: bool = False,
        depth: int | None = None,
        glob: str | None = None,
        limit: int = 500,
        hidden: bool = False,
        cursor: str | None = None,
    ) -> Listing:
        """Return what is in a directory, ordered by path.

        Args:
            path: The directory.
            recursive: Whether to go down into directories, though never into `.git` or links.
            depth: How many levels; by default 1, or all if recursive.
            glob: Only what matches, as gitignore writes it.
            limit: How many entries at most.
            hidden: Also names that start with a dot.
            cursor: Go on where a listing ended.
        """
        levels = depth if depth is not None else DEEPEST if recursive else 1
        return await list_directory(
            self._tree,
            path,
            depth=levels,
            glob=glob,
            limit=limit,
            hidden=hidden,
            cursor=cursor or "",
        )

    async def read(
        self,
        path: str,
        *,
        start_line: int | None = None,
        end_line: int | None = None,
        offset: int | None = None,
        length: int | None = None,
        encoding: str | None = None,
        max_bytes: int = INLINE,
    ) -> FileContent:
        """Return a file, or a range of its lines or bytes.

        Args:
            path: The file.
            start_line: The first line, from 1.
            end_line: The last line, included.
            offset: The first byte, from 0, instead of lines.
            length: How many bytes.
            encoding: Of the text; by default the file tells.
            max_bytes: The most to return; `truncated` says that there was more.
        """
        wanted = Range(start_line, end_line, offset, length, encoding, max_bytes)
        return await read(self._tree, path, wanted)

    async def search(
        self,
        pattern: str,
        *,
        path: str = ".",
        globs: Sequence[str] = (),
        fixed: bool = False,
        ignore_case: bool = False,
        context: int = 0,
        limit: int = 200,
        hidden: bool = False,
        ignored: bool = False,
        ripgrep: bool = True,
    ) -> SearchResult:
        """Return lines that match, ordered by path and line; binary files are left out.

        Args:
            pattern: A regular expression of one line, or with `fixed` the text itself.
            path: The directory or file to search.
            globs: Only files that match one, and none that match one with `!` in front.
            fixed: Whether the pattern is plain text.
            ignore_case: Whether upper and lower case are the same.
            context: How many lines to return before and after each.
            limit: How many matching lines at most.
            hidden: Also files and directories that start with a dot, but never `.git`.
            ignored: Also what `.gitignore`, `.ignore` and `.rgignore` exclude.
            ripgrep: Whether to use it where there is one; what is found is the same.
        """
        query = Query(pattern, fixed, ignore_case, tuple(globs), hidden, ignored, path)
        return await search(self._tree, path, query, context=context, limit=limit, ripgrep=ripgrep)

    async def write(
        self,
        path: str,
        content: str | None = None,
        *,
        base64: str | None = None,
        create: bool = True,
        overwrite: bool = True,
        expected_sha256: str | None = None,
        mkdirs: bool = False,
        encoding: str | None = None,
    ) -> WriteResult:
        """Make a file hold a text or bytes, all at once.

        A file that is there keeps its mode, owner, encoding, byte order mark and line ends.

        Args:
            path: The file.
            content: Its new text.
            base64: Or its new bytes.
            create: Whether to make it if it is not there.
            overwrite: Whether to replace it if it is.
            expected_sha256: Refuse unless it has this hash now.
            mkdirs: Make directories that are missing.
            encoding: Change the file to this encoding.
        """
        return await write(
            self._tree,
            path,
            content,
            base64=base64,
            conditions=Conditions(create, overwrite, expected_sha256),
            mkdirs=mkdirs,
            encoding=encoding,
        )

    async def replace(
        self,
        path: str,
        old: str,
        new: str,
        *,
        expected_sha256: str | None = None,
        all: bool = False,
        encoding: str | None = None,
    ) -> ReplaceResult:
        """Put one snippet in place of another, which the file must hold exactly once.

        Args:
            path: The file.
            old: The snippet; line ends match whichever the file has.
            new: What comes in its place, with the file's line ends.
            expected_sha256: Refuse unless the file has this hash now.
            all: Replace each occurrence.
            encoding: Of the file; by default it tells.
        """
        return await replace(
            self._tree,
            path,
            old,
            new,
            expected_sha256=expected_sha256,
            every=all,
            encoding=encoding,
        )


class ConfinedFiles(Files):
    """Files of this host, confined to directories.

    Args:
        roots: The directories; with several, `NAME/...` starts at the one of that name.
        private: Directories within them that are not seen; by default AgentOS's own state, with
            the token.
        openat2: Whether to use that system call; by default where there is one.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        private: Sequence[Path] | None = None,
        openat2: bool | None = None,
    ) -> None:
        self._host = HostTree(roots, private=private, openat2=openat2)
        super().__init__(self._host)

    def close(self) -> None:
        """Let go of the roots."""
        self._host.close()


class MachineFiles(Files):
    """Files of a machine, by its own view of them.

    Args:
        vm: The machine.
        roots: Directories in it; by default the home.
    """

    def __init__(self, vm: AgentOs, roots: Sequence[str] = ("/home/agentos",)) -> None:
        from agentos.hub.files.machine import MachineTree

        super().__init__(MachineTree(vm, roots))

"""Read what git has stored, and what an index would store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agentos.errors import GitError
from agentos.hub.git.program import TIMEOUT, Git
from agentos.hub.process_group import process_group
from agentos.secret_scan.scan import MAX_BYTES

GITLINK = "160000"


@dataclass(frozen=True)
class Change:
    """A file that an index or a commit has otherwise than another tree.

    Attributes:
        path: The file.
        old, new: Mode and object id on each side; the id is None where there is no file.
    """

    path: str
    old: tuple[str, str | None]
    new: tuple[str, str | None]

    @property
    def blob(self) -> str | None:
        """The content on the new side; a submodule has none."""
        return None if self.new[0] == GITLINK else self.new[1]


async def index_changes(git: Git, tree: str) -> list[Change]:
    """Return what the index has otherwise than a tree."""
    return _parse(
        await git.fields(
            "diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", tree
        )
    )


async def tree_changes(git: Git, before: str, after: str) -> list[Change]:
    """Return what a tree has otherwise than another."""
    return _parse(
        await git.fields(
            "diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-abbrev", before, after
        )
    )


def _parse(fields: list[str]) -> list[Change]:
    changes = []
    for about, path in zip(fields[::2], fields[1::2], strict=True):
        old_mode, new_mode, old, new, _ = about.removeprefix(":").split(" ")
        changes.append(Change(path, (old_mode, _id(old)), (new_mode, _id(new))))
    return changes


def _id(name: str) -> str | None:
    return name if name.strip("0") else None


async def empty_tree(git: Git) -> str:
    """Return the id of the tree without files."""
    return await git.ask("hash-object", "-t", "tree", "--stdin", stdin=b"")


async def sizes(git: Git, ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the type and size of each object that is there."""
    asked = "".join(f"{name}\n" for name in ids).encode()
    lines = (await git.ask("cat-file", "--batch-check", stdin=asked)).split("\n")
    found = {}
    for line in lines:
        parts = line.split(" ")
        if len(parts) == 3:
            found[parts[0]] = (parts[1], int(parts[2]))
    return found


@asynccontextmanager
async def blob_reader(git: Git) -> AsyncIterator[Callable[[str], Awaitable[bytes]]]:
    """Give a function that reads an object's content: one byte more than a scan takes."""
    async with process_group(
        git.command("cat-file", "--batch"),
        cwd=git.directory,
        env=git.environment(),
        stdin=True,
        stderr=asyncio.subprocess.DEVNULL,
    ) as process:
        asking, answers = process.stdin, process.stdout
        assert asking is not None
        assert answers is not None

        async def read(name: str) -> bytes:
            async with asyncio.timeout(TIMEOUT):
                asking.write(f"{name}\n".encode())
                await asking.drain()
                return await _object(answers, name)

        yield read


async def _object(stream: asyncio.StreamReader, name: str) -> bytes:
    header = (await stream.readline()).decode().split()
    if len(header) != 3:
        raise GitError(f"git cannot read the object {name}", code="git_object_missing")
    size = int(header[2])
    left = size + 1  # the line end behind it
    kept = bytearray()
    while left:
        part = await stream.read(min(left, 1 << 16))
        if not part:
            raise GitError(f"git ended while it read the object {name}")
        left -= len(part)
        if len(kept) <= MAX_BYTES:
            kept += part
    return bytes(kept[:size])

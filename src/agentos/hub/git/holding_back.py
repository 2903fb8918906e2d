"""Which files a commit leaves out: secrets, files that are too large, repositories within."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentos.hub.git.blobs import GITLINK, Change, blob_reader, sizes
from agentos.hub.git.program import Git, decode, encode, shown
from agentos.hub.git.results import HeldBack
from agentos.hub.git.state import Entry
from agentos.secret_scan import ALLOW_FILE, AllowList, Scan, scan_bytes

_SMALL = 20_000  # bytes: a scan takes some milliseconds
Reader = Callable[[str], Awaitable[bytes]]


@dataclass
class Inspection:
    """What a look at files found.

    Attributes:
        held: Why files are left out.
        warnings: What passes, and should be known.
    """

    held: list[HeldBack] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)

    def hold(self, path: str, reason: str, line: int = 0, excerpt: str = "") -> None:
        """Leave a file out."""
        self.paths.add(path)
        self.held.append(
            HeldBack(path=shown(path), reason=reason, line=line, excerpt=shown(excerpt))
        )


async def allow_list(git: Git, head: str | None) -> AllowList:
    """Read the allow file as it is committed: a commit cannot bring its own permission."""
    if head is None:
        return AllowList()
    done = await git.run("cat-file", "blob", f"{head}:{ALLOW_FILE}")
    return AllowList.parse(decode(done.stdout)) if done.code == 0 else AllowList()


async def hold_unstageable(
    git: Git, entries: Iterable[Entry], max_bytes: int, found: Inspection
) -> list[str]:
    """Return the paths to stage; leave out what git would store before it can be looked at."""
    taken, large = [], []
    for entry in entries:
        size = _size(git.directory, entry.path)
        if entry.path.endswith("/"):
            found.hold(entry.path, "a git repository of its own: add it as a submodule by hand")
        elif size is not None and size > max_bytes:
            large.append((entry.path, size))
        else:
            taken.append(entry.path)
    filtered = await _filtered(git, [path for path, _ in large])
    for path, size in large:
        if path in filtered:  # as Git LFS does, it may store a few lines in place of it
            taken.append(path)
        else:
            _too_large(found, path, size, max_bytes)
    return taken


async def inspect(
    git: Git, changes: Sequence[Change], max_bytes: int, allow: AllowList, found: Inspection
) -> None:
    """Look at what an index would store in place of what was there before."""
    known = await sizes(git, [name for change in changes if (name := change.blob)])
    by_id: dict[str, list[Change]] = {}
    for change in changes:
        name = change.blob
        if name is None:
            continue
        if known[name][1] > max_bytes:
            _too_large(found, change.path, known[name][1], max_bytes)
        else:
            by_id.setdefault(name, []).append(change)
    async with blob_reader(git) as read:
        for name, same in by_id.items():
            data = await read(name)
            for change in same:
                await _inspect_file(read, change, data, allow, found)
    if any(change.path == ALLOW_FILE for change in changes):
        found.warnings.append(f"{ALLOW_FILE} changes: what it allows counts from now on")


async def _inspect_file(
    read: Reader, change: Change, data: bytes, allow: AllowList, found: Inspection
) -> None:
    scan = await _scan(data, change.path, allow)
    old = await _digests_before(read, change) if scan.findings else frozenset()
    for finding in scan.findings:
        if finding.digest in old:
            found.warnings.append(
                f"{shown(change.path)}:{finding.line}: {finding.rule}: was committed before"
            )
        else:
            found.hold(change.path, finding.rule, finding.line, finding.excerpt)
    for finding in scan.allowed:
        found.warnings.append(f"{shown(change.path)}:{finding.line}: {finding.rule}: allowed")
    if not scan.whole:
        found.warnings.append(f"{shown(change.path)}: only its beginning was looked at")


async def _scan(data: bytes, path: str, allow: AllowList) -> Scan:
    """Scan a small file at once, and a large one beside what else the hub does."""
    if len(data) < _SMALL:
        return scan_bytes(data, path, allow=allow)
    return await asyncio.to_thread(scan_bytes, data, path, allow=allow)


async def _digests_before(read: Reader, change: Change) -> frozenset[str]:
    """Return the secrets that a file already has in history: they are out, and no news."""
    name = change.old[1]
    if name is None or change.old[0] == GITLINK:
        return frozenset()
    scan = await _scan(await read(name), change.path, AllowList())
    return frozenset(finding.digest for finding in scan.findings)


async def _filtered(git: Git, paths: list[str]) -> set[str]:
    if not paths:
        return set()
    names = b"".join(encode(path) + b"\0" for path in paths)
    fields = await git.fields("check-attr", "-z", "--stdin", "filter", stdin=names)
    values = zip(fields[::3], fields[2::3], strict=True)
    return {path for path, value in values if value not in ("unspecified", "unset", "set")}


def _size(top: Path, path: str) -> int | None:
    """Return the size of a regular file."""
    try:
        about = os.lstat(top / os.fsdecode(encode(path)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return about.st_size if stat.S_ISREG(about.st_mode) else None


def _too_large(found: Inspection, path: str, size: int, max_bytes: int) -> None:
    found.hold(path, f"too large: {size:,} bytes, {max_bytes:,} are allowed")

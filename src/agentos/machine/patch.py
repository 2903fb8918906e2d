"""A path that changed, and how git shows it."""

from __future__ import annotations

import base64
import difflib
import hashlib
import itertools
import os
import stat
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

#: Bytes; a larger file is shown as binary.
LARGEST_SHOWN = 1024 * 1024
_ABSENT = "0" * 40
_BINARY_LINE = 52
_MOST_PAIRS = 1_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path was or is: its type and permission bits, and its bytes or a link's target.

    Attributes:
        mode: Type and permissions, as in `os.stat_result.st_mode`.
        content: A file's bytes, a link's target; empty for all else.
        unread: Why the content is not here, or empty when it is.
    """

    mode: int
    content: bytes = b""
    unread: str = ""

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.mode)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def git_mode(self) -> str:
        if self.is_link:
            return "120000"
        return "100755" if self.mode & 0o100 else "100644"

    @property
    def in_patches(self) -> bool:
        """Whether git knows its kind: it has neither directories nor pipes nor sockets."""
        return self.is_link or stat.S_ISREG(self.mode)


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs: `old` or `new` is None where there was or is nothing.

    `content_differs` is False where nothing but the permissions changed.
    """

    path: str
    old: Entry | None
    new: Entry | None
    content_differs: bool = True

    @property
    def kind(self) -> Literal["added", "modified", "deleted"]:
        if self.old is None:
            return "added"
        return "modified" if self.new is not None else "deleted"

    def diff(self, *, binary: bool = False) -> str:
        """Return the change as git shows it.

        Args:
            binary: Whether to include what is not text, as `git diff --binary` does.
        """
        return "".join(_diff_lines(self, binary))


def quoted(path: str) -> str:
    """Write a path as git does: in quotes with octal bytes where it is not plain."""
    encoded = os.fsencode(path)
    if all(0x20 <= byte < 0x7F and byte not in b'"\\' for byte in encoded):
        return path
    escapes = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x09: "\\t", 0x0D: "\\r"}
    plain = (escapes.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}") for b in encoded)
    return f'"{"".join(plain)}"'


def _diff_lines(change: Change, binary: bool) -> Iterator[str]:
    old = change.old if change.old and change.old.in_patches else None
    new = change.new if change.new and change.new.in_patches else None
    if old and new and old.is_link != new.is_link:  # git has no patch from one to the other
        yield from _diff_lines(Change(change.path, old, None), binary)
        yield from _diff_lines(Change(change.path, None, new), binary)
    elif old or new:
        yield from _header_lines(change.path, old, new)
        if change.content_differs:
            yield from _content_lines(change.path, old, new, binary)


def _header_lines(path: str, old: Entry | None, new: Entry | None) -> Iterator[str]:
    yield f"diff --git {quoted(f'a/{path}')} {quoted(f'b/{path}')}\n"
    if old is None and new is not None:
        yield f"new file mode {new.git_mode}\n"
    elif new is None and old is not None:
        yield f"deleted file mode {old.git_mode}\n"
    elif old is not None and new is not None and old.git_mode != new.git_mode:
        yield f"old mode {old.git_mode}\nnew mode {new.git_mode}\n"


def _content_lines(path: str, old: Entry | None, new: Entry | None, binary: bool) -> Iterator[str]:
    before, after = old.content if old else b"", new.content if new else b""
    unread = bool((old and old.unread) or (new and new.unread))
    if before == after and not unread:
        return
    from_name = quoted(f"a/{path}") if old else "/dev/null"
    to_name = quoted(f"b/{path}") if new else "/dev/null"
    if not unread and _is_text(before) and _is_text(after):
        # A tab ends a name with spaces in it.
        tab = "\t" if " " in path else ""
        yield f"--- {from_name}{tab}\n+++ {to_name}{tab}\n"
        yield from _hunks(_lines(before), _lines(after))
    elif unread or not binary:
        yield f"Binary files {from_name} and {to_name} differ\n"
    else:
        yield f"index {_blob_id(old)}..{_blob_id(new)}\nGIT binary patch\n"
        yield from _literal_lines(after)
        yield from _literal_lines(before)


def _hunks(before: list[str], after: list[str]) -> Iterator[str]:
    if _is_costly(before, after):
        yield f"@@ -1,{len(before)} +1,{len(after)} @@\n"
        yield from (f"-{line}" for line in before)
        yield from (f"+{line}" for line in after)
    else:
        yield from itertools.islice(difflib.unified_diff(before, after), 2, None)


def _is_costly(before: list[str], after: list[str]) -> bool:
    """Whether lines that repeat would keep difflib busy for long; who wrote them may wish so."""
    if len(before) * len(after) <= _MOST_PAIRS:
        return False
    counts = Counter(after)
    frequent = len(after) // 100 + 1  # difflib leaves out lines beyond this
    return sum(counts[line] for line in before if counts[line] <= frequent) > _MOST_PAIRS


def _is_text(data: bytes) -> bool:
    if b"\0" in data or len(data) > LARGEST_SHOWN:
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _lines(data: bytes) -> list[str]:
    lines = [line + "\n" for line in data.decode().split("\n")]
    last = lines.pop()[:-1]
    if last:
        lines.append(f"{last}\n\\ No newline at end of file\n")
    return lines


def _blob_id(entry: Entry | None) -> str:
    """Name the content as git does; `git apply` insists on it for what is not text."""
    if entry is None:
        return _ABSENT
    blob = b"blob %d\0%b" % (len(entry.content), entry.content)
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()


def _literal_lines(data: bytes) -> Iterator[str]:
    """The whole of `data`, deflated, in lines that start with a letter for their length."""
    yield f"literal {len(data)}\n"
    deflated = zlib.compress(data)
    for start in range(0, len(deflated), _BINARY_LINE):
        part = deflated[start : start + _BINARY_LINE]
        length = (
            chr(ord("A") + len(part) - 1) if len(part) <= 26 else chr(ord("a") + len(part) - 27)
        )
        yield f"{length}{base64.b85encode(part, pad=True).decode()}\n"
    yield "\n"

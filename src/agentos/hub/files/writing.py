"""Write a file so that at any moment it has the old content or the new one."""

from __future__ import annotations

import binascii
import hashlib
import os
import secrets
from base64 import b64decode
from dataclasses import dataclass

from agentos.errors import FileRefused
from agentos.hub.files.names import check_portable
from agentos.hub.files.reading import INLINE, LARGEST_TEXT
from agentos.hub.files.refusals import refusals
from agentos.hub.files.results import WriteResult
from agentos.hub.files.text import Text, codec, decode, with_newlines
from agentos.hub.files.tree import Target, Tree
from agentos.machine.blocking_io import in_thread, read_all, write_all

_WRITABLE = 0o222


@dataclass(frozen=True)
class Current:
    """What is in a file before it is written."""

    data: bytes
    status: os.stat_result

    @property
    def sha256(self) -> str:
        """Its hash."""
        return hashlib.sha256(self.data).hexdigest()

    def is_same(self, status: os.stat_result) -> bool:
        """Whether a file is still this one."""
        return os.path.samestat(status, self.status) and (
            (status.st_mtime_ns, status.st_size) == (self.status.st_mtime_ns, self.status.st_size)
        )


@dataclass(frozen=True)
class Conditions:
    """When to write at all.

    Attributes:
        create: Whether a file that is not there is made.
        overwrite: Whether one that is there is replaced.
        expected_sha256: The hash that it must have now.
    """

    create: bool = True
    overwrite: bool = True
    expected_sha256: str | None = None

    def check(self, current: Current | None, path: str) -> None:
        """Compare with what is there.

        Raises:
            FileRefused: One of them does not hold.
        """
        if current is None:
            if not self.create or self.expected_sha256 is not None:
                raise FileRefused(f"there is no {path!r}", code="not_found", path=path)
            return
        if not self.overwrite:
            raise FileRefused(
                f"there is already a {path!r}", code="exists", path=path, hint="set overwrite"
            )
        expected = self.expected_sha256
        if expected is not None and expected.lower() != current.sha256:
            raise FileRefused(
                f"{path!r} has the SHA-256 {current.sha256}, not {expected}",
                code="hash_mismatch",
                path=path,
                hint="it changed since it was read: read it again",
                retryable=True,
            )


async def write(
    tree: Tree,
    path: str,
    content: str | None,
    *,
    base64: str | None,
    conditions: Conditions,
    mkdirs: bool,
    encoding: str | None,
) -> WriteResult:
    """Make a file hold this text or these bytes."""
    if (content is None) == (base64 is None):
        raise FileRefused(
            "either content or base64 is to be given", code="content_invalid", path=path
        )
    place = tree.locate(path)
    async with tree.target(place, mkdirs=mkdirs) as target:
        with refusals(place.shown):
            current = await read_current(tree, target, place.shown)
            conditions.check(current, place.shown)
            if content is None:
                data = _from_base64(base64 or "", place.shown)
            else:
                data = _as_before(content, current, encoding, place.shown)
            await put(target, data, current, place.shown)
    return WriteResult(
        path=place.shown,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        previous_sha256=current.sha256 if current else None,
        created=current is None,
    )


async def read_current(tree: Tree, target: Target, path: str) -> Current | None:
    """Read the file that is about to be written, or return None if there is none.

    Raises:
        FileRefused: It is no file that may be written.
    """
    if not target.name:
        raise FileRefused(f"{path!r} is a directory", code="is_a_directory", path=path)
    fd = await target.open()
    if fd is None:
        return None
    try:
        status = os.fstat(fd)
        tree.check(status, path)
        if not status.st_mode & _WRITABLE:
            raise FileRefused(
                f"{path!r} is read-only by its mode", code="read_only", path=path, hint="chmod +w"
            )
        if status.st_size > LARGEST_TEXT:
            raise FileRefused(
                f"{path!r} has {status.st_size} bytes, more than the {LARGEST_TEXT} that are "
                "written as a whole",
                code="file_too_large",
                path=path,
            )
        if status.st_size > INLINE:
            data = await in_thread(read_all, fd, 0, None)
        else:
            data = read_all(fd, 0, None)
        return Current(data, status)
    finally:
        os.close(fd)


async def put(target: Target, data: bytes, current: Current | None, path: str) -> None:
    """Write a new file beside the target and give it the target's name.

    Raises:
        FileRefused: The target changed meanwhile, or its name is not allowed.
    """
    if current is None:
        check_portable(target.name, path)
    name = f".agentos-{secrets.token_hex(8)}.tmp"
    fd = await target.create(name, 0o666 if current is None else 0o600)
    try:
        try:
            await in_thread(_write_durably, fd, data)
            if current is not None:
                await target.keep(name, fd, current.status)
        finally:
            os.close(fd)
        await _check_unchanged(target, current, path)
        await target.put(name, over=current is not None)
    except BaseException:
        await target.discard(name)
        raise


def _write_durably(fd: int, data: bytes) -> None:
    write_all(fd, data)
    os.fsync(fd)


async def _check_unchanged(target: Target, current: Current | None, path: str) -> None:
    if current is None:
        return
    fd = await target.open()
    try:
        if fd is not None and current.is_same(os.fstat(fd)):
            return
    finally:
        if fd is not None:
            os.close(fd)
    raise FileRefused(
        f"{path!r} was changed by another process meanwhile",
        code="hash_mismatch",
        path=path,
        hint="read it again",
        retryable=True,
    )


def _from_base64(text: str, path: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FileRefused(
            f"what is to be written to {path!r} is not base64: {error}",
            code="content_invalid",
            path=path,
        ) from error


def _as_before(content: str, current: Current | None, encoding: str | None, path: str) -> bytes:
    """Encode a text as the file has been so far: encoding, byte order mark, line ends."""
    before = decode(current.data, path) if current is not None and current.data else None
    before = before or Text("")
    if encoding is not None:
        chosen = codec(encoding, path)
        mark = before.mark if chosen == before.encoding else b""
        before = Text(before.content, chosen, mark)
    return before.encode(with_newlines(content.removeprefix("\ufeff"), before.newline), path)

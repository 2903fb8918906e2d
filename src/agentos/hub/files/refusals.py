"""What the operating system says, as the errors of the file tools."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agentos.errors import FileRefused

_MEANINGS = {
    errno.ENOENT: ("not_found", "there is no {path!r}"),
    errno.ENOTDIR: ("not_a_directory", "{path!r} leads through, or is, something not a directory"),
    errno.EISDIR: ("is_a_directory", "{path!r} is a directory"),
    errno.EACCES: ("permission_denied", "the operating system denies access to {path!r}"),
    errno.EPERM: ("permission_denied", "the operating system denies access to {path!r}"),
    errno.EEXIST: ("exists", "there is already a {path!r}"),
    errno.ELOOP: ("symlink_loop", "too many symbolic links on the way to {path!r}"),
    errno.EXDEV: ("path_outside_roots", "{path!r} leads out of its root"),
    errno.ENAMETOOLONG: ("name_too_long", "a name in {path!r} is too long"),
    errno.ENOSPC: ("disk_full", "no space is left to write {path!r}"),
    errno.EDQUOT: ("disk_full", "the disk quota does not allow to write {path!r}"),
    errno.EROFS: ("read_only", "the file system of {path!r} is read-only"),
    errno.ENXIO: ("not_a_file", "{path!r} is a pipe, socket or device"),
}


@contextmanager
def refusals(path: str) -> Iterator[None]:
    """Turn an `OSError` about this path into a `FileRefused`."""
    try:
        yield
    except OSError as error:
        code, message = _MEANINGS.get(error.errno or 0, ("io_error", "{path!r}: {error}"))
        text = message.format(path=path, error=error.strerror or error)
        raise FileRefused(text, code=code, path=path) from error


def outside(path: str, hint: str | None = None) -> FileRefused:
    """The error for a path that leads out of the roots."""
    return FileRefused(
        f"{path!r} leads out of the roots", code="path_outside_roots", path=path, hint=hint
    )

"""The files of a machine, by descriptors that its init opens.

The host reads and writes the same open files as the machine's own processes, so both always
see the same bytes; and a path is resolved within the machine, so no link leads out of it.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping

from agentos.machine.blocking_io import in_thread, read_all, write_all
from agentos.machine.channel import PLACES, Channel
from agentos.machine.protocol import FileStat, Op, decode_stat

_INLINE = 256 * 1024


class FileVerbs:
    """File verbs of a machine; they raise Python's own errors, such as `FileNotFoundError`.

    Paths are text, bytes or path objects; a relative one starts at the home directory. Names
    that are not UTF-8 come and go as `os.fsdecode` has them.
    """

    @property
    def channel(self) -> Channel:
        """The machine's control channel."""
        raise MachineNotStarted

    def _encode(self, path: Path) -> bytes:
        encoded = _without_nul(path)
        if not encoded:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "")
        return os.path.join(os.fsencode(self._places["HOME"]), encoded)

    @property
    def _places(self) -> Mapping[str, str]:
        """Variables that say where things are in the machine."""
        return PLACES

    async def open_fd(self, path: Path, flags: int, mode: int = 0) -> int:
        """Open a file in the machine and return the descriptor, which the caller closes.

        It never waits: of a pipe or device the descriptor is non-blocking.

        Args:
            path: What to open.
            flags: As for `os.open`.
            mode: Permissions of a file that is created.
        """
        reply = await self.channel.call(Op.OPEN, [self._encode(path)], (flags, mode, 0, 0))
        return reply.fd

    async def read_file(self, path: Path, *, offset: int = 0, size: int | None = None) -> bytes:
        """Return the bytes of a file.

        Args:
            path: A regular file.
            offset: Where to start, in bytes.
            size: How many bytes at most; by default all.
        """
        fd = await self._open_regular(path, os.O_RDONLY)
        try:
            if min(os.fstat(fd).st_size, _INLINE + 1 if size is None else size) > _INLINE:
                return await in_thread(read_all, fd, offset, size)
            return read_all(fd, offset, size)
        finally:
            os.close(fd)

    async def read_text(self, path: Path, *, encoding: str = "utf-8") -> str:
        """Return the text of a file."""
        return (await self.read_file(path)).decode(encoding)

    async def write_file(self, path: Path, data: str | bytes, *, mode: int = 0o644) -> None:
        """Make a file hold these bytes, or this text as UTF-8.

        Args:
            path: The file; it is made if need be, its directory is not.
            data: Its new content.
            mode: Permissions of a file that is created.
        """
        await self._write(path, data, os.O_TRUNC, mode)

    async def append_file(self, path: Path, data: str | bytes) -> None:
        """Add bytes, or text as UTF-8, at the end of a file, which is made if need be."""
        await self._write(path, data, os.O_APPEND, 0o644)

    async def _write(self, path: Path, data: str | bytes, flag: int, mode: int) -> None:
        content = data.encode() if isinstance(data, str) else data
        fd = await self._open_regular(path, os.O_WRONLY | os.O_CREAT | flag, mode)
        try:
            if len(content) > _INLINE:
                await in_thread(write_all, fd, content)
            else:
                write_all(fd, content)
        finally:
            os.close(fd)

    async def _open_regular(self, path: Path, flags: int, mode: int = 0) -> int:
        """Open without waiting for the other end of a pipe, and take nothing but a file."""
        fd = await self.open_fd(path, flags | os.O_NONBLOCK | os.O_NOCTTY, mode)
        kind = os.fstat(fd).st_mode
        if stat.S_ISREG(kind):
            return fd
        os.close(fd)
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), _shown(path))
        raise OSError(errno.EINVAL, "not a regular file", _shown(path))

    async def stat(self, path: Path, *, follow_symlinks: bool = True) -> FileStat:
        """Return the status of a file, with ids as the machine sees them."""
        reply = await self.channel.call(
            Op.STAT, [self._encode(path)], (int(follow_symlinks), 0, 0, 0)
        )
        return decode_stat(reply.data)

    async def exists(self, path: Path) -> bool:
        """Tell whether there is something at this path; a dangling link does not count."""
        try:
            await self.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    async def listdir(self, path: Path = ".") -> list[str]:
        """Return the names in a directory, sorted."""
        fd = await self.open_fd(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(os.listdir(fd))
        finally:
            os.close(fd)

    async def mkdir(self, path: Path, *, parents: bool = False, mode: int = 0o755) -> None:
        """Make a directory.

        Args:
            path: The directory.
            parents: Make what is missing above it too, and do not mind if it is there.
            mode: Its permissions.
        """
        try:
            await self.channel.call(Op.MKDIR, [self._encode(path)], (mode, 0, 0, 0))
        except FileNotFoundError:
            parent = os.path.dirname(self._encode(path).rstrip(b"/"))
            if not parents or not parent:
                raise
            await self.mkdir(parent, parents=True)
            await self.mkdir(path, parents=True, mode=mode)
        except FileExistsError:
            if not parents or not (await self.stat(path)).is_dir:
                raise
        except OSError as error:
            # The root, "." and ".." have no name to make, but they are there.
            nameless = error.errno in (errno.EBUSY, errno.EINVAL)
            if not (parents and nameless and await self.exists(path)):
                raise

    async def remove(self, path: Path, *, recursive: bool = False) -> None:
        """Remove a file, a link, or a directory.

        Args:
            path: What to remove; a link itself, not what it leads to.
            recursive: Take a directory with all that is in it; without, it must be empty.
        """
        encoded = self._encode(path)
        if recursive:
            await self.channel.call(Op.REMOVE, [encoded])
            return
        try:
            await self.channel.call(Op.UNLINK, [encoded])
        except IsADirectoryError:
            await self.channel.call(Op.UNLINK, [encoded], (_AT_REMOVEDIR, 0, 0, 0))

    async def chmod(self, path: Path, mode: int) -> None:
        """Change the permissions of a file."""
        await self.channel.call(Op.CHMOD, [self._encode(path)], (mode, 0, 0, 0))

    async def symlink(self, target: Path, path: Path) -> None:
        """Make a symbolic link at `path` that leads to `target`."""
        texts = [_without_nul(target), self._encode(path)]
        await self.channel.call(Op.SYMLINK, texts, path=_shown(path))

    async def readlink(self, path: Path) -> str:
        """Return what a symbolic link leads to."""
        return os.fsdecode((await self.channel.call(Op.READLINK, [self._encode(path)])).data)


Path = str | bytes | os.PathLike[str]
_AT_REMOVEDIR = 0x200


class MachineNotStarted(RuntimeError):
    """The machine was used before `async with` or `await AgentOs.create()`."""

    def __init__(self) -> None:
        super().__init__("the machine has not started: use `async with AgentOs() as vm:`")


def _without_nul(path: Path) -> bytes:
    encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("a path may not hold a NUL byte")
    return encoded


def _shown(path: Path) -> str:
    return os.fsdecode(os.fsencode(path))

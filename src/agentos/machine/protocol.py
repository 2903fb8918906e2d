"""The packets between the host and a machine's init.

The C side of every number here is `native/agentos.h`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Op(IntEnum):
    """A request of the host."""

    EXEC = 1
    OPEN = 2
    STAT = 3
    MKDIR = 4
    UNLINK = 5
    RENAME = 6
    SYMLINK = 7
    CHMOD = 8
    READLINK = 9
    REMOVE = 10
    SIGNAL = 11
    LISTEN = 12
    SOCKET = 13
    PROCESSES = 14
    BOUND = 15
    RESIZE = 16
    FORGET = 17
    ATTACH = 20
    DETACH = 21
    COPY = 22
    WATCH_OPEN = 23
    WATCH_ADD = 24
    WATCH_REMOVE = 25
    STAGE = 30


class Kind(IntEnum):
    """A packet of the machine."""

    STARTED = 1
    READY = 2
    FAILED = 3
    REPLY = 4
    EXITED = 5


class ExecFlag(IntFlag):
    """How a command is started."""

    NONE = 0
    PTY = 1
    CONTAIN = 2
    ROOT = 4
    MONITOR = 8
    NULL = 16  # of a guest, and 32 and 64: its stdin, stdout, stderr is /dev/null
    SOCKET = 128  # of a guest: its stdin is a socket, on which it answers


class ListenKind(IntEnum):
    """What a listening socket takes; a transparent one, what is handed to it for any address."""

    TCP = 0
    UDP = 1
    TRANSPARENT = 2


class Scope(IntEnum):
    """Whom a signal reaches."""

    PROCESS = 0
    GROUP = 1
    SESSION = 2
    FAMILY = 3


#: What init itself takes of a limit of processes and threads.
INIT_THREADS = 2
PACKET_MAX = 384 * 1024
REPLY_MAX = 16 * 1024

_REQUEST = struct.Struct("=IIiiii")
_REPLY = struct.Struct("=IIiiii")
_USAGE = struct.Struct("=QQQ")
_STATX = struct.Struct("=IIQIIIHxxQQQQ qIi qIi qIi qIi IIII")


@dataclass(frozen=True, slots=True)
class Reply:
    """One packet of the machine; `fd` is a descriptor that came with it, or -1."""

    kind: int
    id: int
    error: int
    a: int
    b: int
    data: bytes
    fd: int = -1


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command and its waited-for children used: seconds of CPU, bytes of memory."""

    user_time: float
    system_time: float
    max_rss: int


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file's status, with ids as the machine sees them and times in seconds."""

    mode: int
    size: int
    uid: int
    gid: int
    nlink: int
    inode: int
    atime: float
    mtime: float
    ctime: float
    birthtime: float | None

    @property
    def is_dir(self) -> bool:
        return self.mode & 0o170000 == 0o040000

    @property
    def is_file(self) -> bool:
        return self.mode & 0o170000 == 0o100000

    @property
    def is_symlink(self) -> bool:
        return self.mode & 0o170000 == 0o120000


def encode_request(
    op: Op, id: int, numbers: tuple[int, int, int, int], texts: list[bytes]
) -> bytes:
    """Lay a request out as the machine reads it; texts may not hold a NUL byte."""
    return _REQUEST.pack(op, id, *numbers) + b"".join([text + b"\0" for text in texts])


def decode_reply(packet: memoryview, fd: int) -> Reply:
    """Read one packet of the machine."""
    kind, id, error, a, b, _ = _REPLY.unpack_from(packet)
    return Reply(kind, id, error, a, b, bytes(packet[_REPLY.size :]), fd)


def decode_usage(data: bytes) -> Usage:
    """Read the figures of a command that ended."""
    user, system, rss = _USAGE.unpack(data)
    return Usage(user / 1e6, system / 1e6, rss * 1024)


def decode_stat(data: bytes) -> FileStat:
    """Read the kernel's `struct statx`."""
    fields = _STATX.unpack_from(data)
    nlink, uid, gid, mode, inode, size = fields[3:9]
    times = [fields[11 + 3 * i] + fields[12 + 3 * i] / 1e9 for i in range(4)]
    has_birth = fields[0] & 0x800
    return FileStat(
        mode=mode,
        size=size,
        uid=uid,
        gid=gid,
        nlink=nlink,
        inode=inode,
        atime=times[0],
        birthtime=times[1] if has_birth else None,
        ctime=times[2],
        mtime=times[3],
    )

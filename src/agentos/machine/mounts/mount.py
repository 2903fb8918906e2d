"""`Mount`: what appears where in a machine."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentos.errors import MachineError
from agentos.machine.isolation.id_map import MACHINE_USER
from agentos.machine.mounts.objects.source import Credentials, ObjectSource

Path = str | os.PathLike[str]

_HOME = "/home/agentos"
_RESERVED = ("/proc", "/sys", "/dev")
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class Mount:
    """What appears where in a machine; rather made with `host`, `tmpfs`, `secret` or `objects`.

    Attributes:
        source: The directory or file of the host, the URL of objects, or None.
        target: Where it appears; a relative path starts at the home directory.
        read_only: Whether the machine may only read it.
        kind: `"host"`, `"tmpfs"`, `"secret"` or `"objects"`.
        size: How many bytes a tmpfs holds at most.
        content: What a secret holds.
        remote: Which objects are mounted.

    Raises:
        MachineError: It would cover the root or a directory of the kernel.
    """

    source: str | None
    target: str
    read_only: bool = field(default=True, kw_only=True)
    kind: Literal["host", "tmpfs", "secret", "objects"] = field(default="host", kw_only=True)
    size: int = field(default=0, kw_only=True)
    content: bytes = field(default=b"", kw_only=True, repr=False)
    remote: ObjectSource | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if "\0" in self.target or "\0" in (self.source or ""):
            raise ValueError("a path may not hold a NUL byte")
        if self.kind == "host" and not self.source:
            raise ValueError("a host mount needs a source")
        if (self.kind == "objects") != (self.remote is not None):
            raise ValueError("a mount of objects is made with Mount.objects")
        if self.kind == "tmpfs" and self.size < 1:
            raise ValueError(f"a tmpfs holds at least one byte, not {self.size}")
        object.__setattr__(self, "target", resting_place(self.target))

    @classmethod
    def host(cls, path: Path, target: Path, *, read_only: bool = True) -> Mount:
        """Show a directory or file of the host.

        Args:
            path: The directory or file, with all that is mounted below it.
            target: Where it appears in the machine.
            read_only: Whether the machine may only read it. What it writes belongs to the owner
                of `path`, which is normally you.
        """
        source = os.path.abspath(os.fspath(path))
        return cls(source, os.fspath(target), read_only=read_only)

    @classmethod
    def tmpfs(cls, target: Path, *, size: int = 64 * 2**20) -> Mount:
        """Make an empty directory in memory.

        Args:
            target: Where it appears in the machine.
            size: How many bytes it holds at most.
        """
        return cls(None, os.fspath(target), kind="tmpfs", read_only=False, size=size)

    @classmethod
    def secret(cls, target: Path, content: str | bytes) -> Mount:
        """Make a file in memory that the machine's user alone may read, and nobody may change.

        Args:
            target: Where the file appears in the machine.
            content: What it holds; text as UTF-8.
        """
        data = content.encode() if isinstance(content, str) else content
        return cls(None, os.fspath(target), kind="secret", content=data)

    @classmethod
    def objects(
        cls,
        url: str,
        target: Path,
        *,
        read_only: bool = True,
        endpoint: str | None = None,
        region: str | None = None,
        credentials: Credentials = None,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        max_bytes: int = 10 * 2**30,
        max_objects: int = 100_000,
        timeout: float = 60.0,
    ) -> Mount:
        """Show objects of an S3-compatible store as files.

        They are fetched when they are mounted, and kept on the host for the next machine. What
        the machine wrote is sent by `AgentOs.sync_mount`, `unmount` and `close`.

        Args:
            url: `s3://BUCKET`, or `s3://BUCKET/PREFIX` for the objects below a prefix.
            target: Where the directory appears in the machine.
            read_only: Whether the machine may only read it.
            endpoint: The store's URL; by default `AWS_ENDPOINT_URL`, or else Amazon's own.
            region: The bucket's region; by default `AWS_REGION`, or else `us-east-1`.
            credentials: What requests are signed with, or `"anonymous"`; by default what the
                host's environment, AWS profile or cloud instance has. They stay on the host.
            include: Patterns such as `"*.csv"`, of paths below the prefix; `*` matches slashes
                too. By default all is mounted.
            exclude: Patterns of what is left out.
            max_bytes: How many bytes may be mounted at most.
            max_objects: How many objects may be mounted at most.
            timeout: Seconds that the store may keep one request waiting.

        Raises:
            ValueError: The URL names no bucket, or a prefix that is no directory.
        """
        source = ObjectSource.parse(
            url,
            endpoint=endpoint,
            region=region,
            credentials=credentials,
            include=include,
            exclude=exclude,
            max_bytes=max_bytes,
            max_objects=max_objects,
            timeout=timeout,
        )
        place = os.fspath(target)
        return cls(source.url, place, kind="objects", read_only=read_only, remote=source)

    @property
    def options(self) -> str:
        """The options of the tmpfs that a tmpfs or a secret is made on."""
        size = self.size if self.kind == "tmpfs" else len(self.content) + _PAGE
        files = size // _PAGE + 1024  # each takes memory, even an empty one
        user = f"uid={MACHINE_USER},gid={MACHINE_USER}"
        return f"size={size},nr_inodes={files},mode=755,{user}"


def resting_place(target: Path) -> str:
    """Return the absolute path of a mount's target.

    Raises:
        MachineError: Nothing may be mounted there.
    """
    path = posixpath.normpath(posixpath.join(_HOME, os.fspath(target)))
    path = "/" + path.lstrip("/")
    if path == "/" or any(path == top or path.startswith(f"{top}/") for top in _RESERVED):
        raise reserved(path)
    return path


def reserved(target: str) -> MachineError:
    """Make the error about a target that may not be covered."""
    return MachineError(
        f"nothing can be mounted at {target}",
        code="mount_refused",
        hint="not at the root, and not in /proc, /sys or /dev, which hold the machine together",
    )

"""Files as they are before compression."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import shutil
import subprocess
import threading
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from agentos.errors import MachineError
from agentos.machine.images.members import invalid

_MAGIC_LENGTH = 6
_CHUNK = 256 * 1024


def is_compressed(start: bytes) -> bool:
    """Tell from its first bytes whether a file is compressed."""
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"))


@contextlib.contextmanager
def decompressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    """Read a file that may be compressed with gzip, bzip2, xz or zstd.

    Args:
        raw: The file, which can be rewound.

    Raises:
        MachineError: It is damaged, or needs zstd, which is not on this host.
    """
    start = raw.read(_MAGIC_LENGTH)
    raw.seek(-len(start), io.SEEK_CUR)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        with _from_zstd(raw) as stream:
            yield stream
        return
    if start.startswith(b"\x1f\x8b"):
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    elif start.startswith(b"BZh"):
        stream = bz2.BZ2File(raw)
    elif start.startswith(b"\xfd7zXZ\0"):
        stream = lzma.LZMAFile(raw)  # noqa: SIM115
    else:
        yield raw
        return
    try:
        with stream:
            yield stream
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise invalid("the compressed data is damaged", error) from error
    except OSError as error:
        if error.errno is not None:  # the system's, not that of gzip or bzip2
            raise
        raise invalid("the compressed data is damaged", error) from error


@contextlib.contextmanager
def _from_zstd(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    program = shutil.which("zstd")
    if program is None:
        raise MachineError(
            "the archive is compressed with zstd, which is not on this host",
            code="zstd_missing",
            hint="sudo apt-get install zstd",
        )
    with subprocess.Popen(
        [program, "-dcq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as running:
        assert running.stdin
        assert running.stdout
        feeder = threading.Thread(target=_feed, args=(raw, running.stdin))
        feeder.start()
        try:
            yield running.stdout
            if running.stdout.read(1) == b"" and running.wait():
                raise invalid("the compressed data is damaged", "it is not complete")
        finally:
            running.kill()  # what it still holds is not wanted; its feeder ends with it
            feeder.join()


def _feed(raw: IO[bytes], pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        shutil.copyfileobj(raw, pipe, _CHUNK)


class Hashed(io.RawIOBase):
    """A stream that hashes what is read of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def readable(self) -> bool:
        """Say so."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read, and take note."""
        data = self._stream.read(len(buffer))
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def digest(self) -> str:
        """Read the rest, and return the digest of all as OCI writes it."""
        while self.read(_CHUNK):
            pass
        return f"sha256:{self._digest.hexdigest()}"


def digest_of(stream: BinaryIO | IO[bytes]) -> str:
    """Return the digest of what is left of a stream, as OCI writes it."""
    return Hashed(stream).digest()
